//! Breadth first through all states, so that the first breach has the shortest trace; then backwards
//! from where everything rests, so that no state is left out from which rest cannot be reached.

use crate::check::Breach;
use crate::check::Rule;
use crate::hash::hash_of;
use crate::model::Model;
use crate::model::Next;
use crate::model::Steps;
use crate::world::World;

/// Set on an edge that is not sure to be taken.
const FREE: u32 = 1 << 31;
/// An empty place in the table.
const NONE: u32 = u32::MAX;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many states were visited.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// The length of the longest shortest trace.
    pub depth: usize,
    /// How many of the states are at rest.
    pub rests: usize,
    /// Whether these are all states there are.
    pub complete: bool,
    /// The breach and how it comes about, if there is one.
    pub breach: Option<(Breach, Vec<String>)>,
}

/// The states by their hashes: an open table of numbers.
#[derive(Debug)]
struct Table {
    places: Vec<u32>,
    worlds: Vec<World>,
}

impl Table {
    fn new() -> Self {
        Self {
            places: vec![NONE; 1 << 16],
            worlds: Vec::new(),
        }
    }

    /// The number of the state, and whether it is a new one.
    fn insert(&mut self, world: World) -> (u32, bool) {
        if self.worlds.len() * 2 > self.places.len() {
            self.grow();
        }
        let place = self.place(&world);
        if self.places[place] != NONE {
            return (self.places[place], false);
        }
        let number = self.worlds.len() as u32;
        self.places[place] = number;
        self.worlds.push(world);
        (number, true)
    }

    fn place(&self, world: &World) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash_of(world) as usize & mask;
        while self.places[place] != NONE && self.worlds[self.places[place] as usize] != *world {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.places = vec![NONE; self.places.len() * 2];
        for number in 0..self.worlds.len() {
            let place = self.place(&self.worlds[number]);
            self.places[place] = number as u32;
        }
    }
}

/// A search under way.
struct Search<'a> {
    model: &'a mut Model,
    table: Table,
    parents: Vec<u32>,
    /// The steps out of all states, one state after another.
    edges: Vec<u32>,
    /// Where each state's steps end.
    ends: Vec<usize>,
    resting: Vec<u32>,
    depth: usize,
}

/// Searches all states, or about `most` of them. `told` hears how many are done now and then.
pub fn search(model: &mut Model, most: usize, told: &mut dyn FnMut(usize, usize)) -> Found {
    let mut search = Search {
        model,
        table: Table::new(),
        parents: Vec::new(),
        edges: Vec::new(),
        ends: Vec::new(),
        resting: Vec::new(),
        depth: 0,
    };
    let breach = search.run(most, told);
    let complete = search.ends.len() == search.table.worlds.len();
    let breach = breach.or_else(|| search.restless());
    let breach = breach.map(|(breach, at, last)| {
        let trace = search.trace(at, last);
        (breach, trace)
    });
    Found {
        states: search.table.worlds.len(),
        steps: search.edges.len(),
        depth: search.depth,
        rests: search.resting.len(),
        complete,
        breach,
    }
}

/// A breach, the state in which it shows, and the state that a breaking step leads to.
type At = (Breach, u32, Option<World>);

impl Search<'_> {
    fn run(&mut self, most: usize, told: &mut dyn FnMut(usize, usize)) -> Option<At> {
        let first = self.model.first().sorted();
        self.table.insert(first);
        self.parents.push(NONE);
        let (mut at, mut level_ends) = (0, 1);
        while at < self.table.worlds.len() && self.table.worlds.len() < most {
            if at == level_ends {
                self.depth += 1;
                level_ends = self.table.worlds.len();
            }
            if at % 16_384 == 0 {
                told(self.table.worlds.len(), at);
            }
            if let Some(breach) = self.expand(at as u32) {
                self.depth += 1;
                return Some(breach);
            }
            at += 1;
        }
        None
    }

    /// Takes every step out of a state.
    fn expand(&mut self, at: u32) -> Option<At> {
        let world = self.table.worlds[at as usize].clone();
        let mut steps = Steps::default();
        self.model.steps(&world, &mut steps);
        let mut moves = false;
        for next in steps.all {
            let Next {
                world: after,
                fair,
                breach,
                ..
            } = next;
            let after = after.sorted();
            if let Some(breach) = breach {
                return Some((breach, at, Some(after)));
            }
            let (number, new) = self.table.insert(after);
            if new {
                self.parents.push(at);
                let breach = self.model.breach(&self.table.worlds[number as usize]);
                if let Some(breach) = breach {
                    return Some((breach, number, None));
                }
            }
            moves |= fair && number != at;
            self.edges.push(number | if fair { 0 } else { FREE });
        }
        self.ends.push(self.edges.len());
        if moves {
            return None;
        }
        self.resting.push(at);
        let breach = self.model.breach_at_rest(&world)?;
        Some((breach, at, None))
    }

    /// The first state from which no rest can be reached, with nothing but time, workers, doors and
    /// the janitor at work. A state whose steps were not taken any more counts as resting.
    fn restless(&self) -> Option<At> {
        let settled = self.settled();
        let at = settled.iter().position(|settled| !settled)?;
        let what = "from here on nothing ever comes to rest";
        Some((Breach::new(Rule::Settles, what), at as u32, None))
    }

    /// Of each state, whether it can come to rest.
    fn settled(&self) -> Vec<bool> {
        let (starts, sources) = self.backwards();
        let mut settled = vec![false; self.table.worlds.len()];
        let unexplored = self.ends.len() as u32..self.table.worlds.len() as u32;
        let mut todo: Vec<u32> = self.resting.iter().copied().chain(unexplored).collect();
        for at in &todo {
            settled[*at as usize] = true;
        }
        while let Some(at) = todo.pop() {
            for source in &sources[starts[at as usize]..starts[at as usize + 1]] {
                if !std::mem::replace(&mut settled[*source as usize], true) {
                    todo.push(*source);
                }
            }
        }
        settled
    }

    /// The sure steps, turned round: for each state where its sources begin, and the sources.
    fn backwards(&self) -> (Vec<usize>, Vec<u32>) {
        let mut starts = vec![0; self.table.worlds.len() + 1];
        for target in self.edges.iter().filter(|edge| *edge & FREE == 0) {
            starts[*target as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut places = starts.clone();
        let mut sources = vec![0; starts[starts.len() - 1]];
        for source in 0..self.ends.len() {
            let begin = source.checked_sub(1).map_or(0, |before| self.ends[before]);
            let targets = &self.edges[begin..self.ends[source]];
            for target in targets.iter().filter(|edge| *edge & FREE == 0) {
                sources[places[*target as usize]] = source as u32;
                places[*target as usize] += 1;
            }
        }
        (starts, sources)
    }

    /// What happened from the beginning to this state, and perhaps one step further.
    fn trace(&mut self, at: u32, last: Option<World>) -> Vec<String> {
        let mut path = vec![at];
        while let Some(parent) = path.last().map(|at| self.parents[*at as usize]) {
            if parent == NONE {
                break;
            }
            path.push(parent);
        }
        path.reverse();
        let worlds = path
            .iter()
            .map(|at| self.table.worlds[*at as usize].clone());
        let worlds: Vec<World> = worlds.chain(last).collect();
        worlds
            .windows(2)
            .map(|pair| self.told(&pair[0], &pair[1]))
            .collect()
    }

    /// The step from one state to the other, in words.
    fn told(&mut self, from: &World, to: &World) -> String {
        let mut steps = Steps {
            told: true,
            ..Steps::default()
        };
        self.model.steps(from, &mut steps);
        let mut taken = steps.all.into_iter();
        let taken = taken.find(|next| next.world.clone().sorted() == *to);
        let action = taken.and_then(|next| next.action);
        let action = action.map_or_else(String::new, |action| action.to_string());
        format!("{action}  [{}]", self.model.rows.view(to.row).brief())
    }
}
