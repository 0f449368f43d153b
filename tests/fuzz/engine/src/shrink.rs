//! Makes an input shorter for as long as the same thing goes wrong with it.

/// The shortest input found in so many tries that still `fails`.
pub fn shrink(input: Vec<u8>, tries: usize, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input;
    let mut left = tries;
    let mut piece = best.len() / 2;
    while piece > 0 && left > 0 {
        let mut start = 0;
        let mut shorter = false;
        while start < best.len() && left > 0 {
            left -= 1;
            let end = (start + piece).min(best.len());
            let without = [&best[..start], &best[end..]].concat();
            if fails(&without) {
                best = without;
                shorter = true;
            } else {
                start = end;
            }
        }
        if !shorter {
            piece /= 2;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let input = [&[b'x'; 100][..], b"bug", &[b'y'; 100]].concat();
        let fails = |input: &[u8]| input.windows(3).any(|three| three == b"bug");
        assert_eq!(shrink(input, 1000, fails), b"bug");
    }

    #[test]
    fn it_ends() {
        assert_eq!(shrink(vec![0; 10], 3, |_| true), [0; 0]);
        assert_eq!(shrink(vec![0; 10], 1000, |_| false), [0; 10]);
    }
}
