// What a page looks like to its reader, as a value that can be compared.
() => {
  const text = node => node.textContent;
  const section = id => document.getElementById(id);
  const rows = (root, from = 1) =>
    root ? [...root.rows].slice(from).map(row => [...row.cells].map(text)) : [];
  // A count as the eye reads it off an upright chart: by the heights of the lines and their numbers.
  const upright = id => {
    const svg = section(id).querySelector("svg");
    if (!svg) return null;
    const box = node => node.getBoundingClientRect();
    const lines = [...svg.querySelectorAll("line.grid")];
    const numbers = [...svg.querySelectorAll("text.number")].map(node => Number(text(node)));
    const [floor, roof] = [box(lines[0]).top, box(lines.at(-1)).top];
    const read = y => (floor - y) / (floor - roof) * numbers.at(-1);
    const quota = svg.querySelector("line.quota");
    return {
      axis: numbers,
      bars: [...svg.querySelectorAll("rect.bar")].map(bar => ({
        seen: read(box(bar).top), foot: read(box(bar).bottom), told: text(bar.querySelector("title")),
        count: Number(bar.dataset.count), left: box(bar).left, right: box(bar).right,
      })),
      pixel: numbers.at(-1) / (floor - roof),
      quota: quota ? read(box(quota).top) : null,
      words: [...svg.querySelectorAll("text.word")].map(node => ({ left: box(node).left, right: box(node).right })),
      table: rows(section(id).querySelector("details table")),
    };
  };
  const lying = id => {
    const parts = [...section(id).querySelectorAll(".lying > span")];
    const bars = [];
    for (let at = 0; at < parts.length; at += 3) {
      const bar = parts[at + 1].firstElementChild.getBoundingClientRect();
      const track = parts[at + 1].getBoundingClientRect();
      bars.push({ label: text(parts[at]), seen: bar.width / track.width, pixel: 1 / track.width, number: text(parts[at + 2]) });
    }
    return bars;
  };
  return {
    title: document.title,
    notes: [...document.querySelectorAll("section p")].map(text),
    figures: [...document.querySelectorAll(".figures b")].map(text),
    issued: upright("issued"),
    waits: upright("waits"),
    states: lying("states"),
    failures: lying("failures"),
    failed: rows(section("failures").querySelector("table")),
    slowest: rows(section("slowest").querySelector("table")),
  };
}
