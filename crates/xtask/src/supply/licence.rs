//! SPDX licence expressions, as far as packages use them: `OR`, `AND`, `WITH`, parentheses, and the old `/` for `OR`.

use std::collections::BTreeSet;

/// Whether what is `allowed` is enough for `expression`.
///
/// # Errors
///
/// When there is no licence, or the expression cannot be read.
pub(super) fn is_satisfied(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, &'static str> {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.is_empty() {
        return Err("none is named");
    }
    let mut reader = Reader {
        words: &words,
        allowed,
    };
    let is_satisfied = reader.any_of().ok_or(UNREADABLE)?;
    if reader.words.is_empty() {
        Ok(is_satisfied)
    } else {
        Err(UNREADABLE)
    }
}

const UNREADABLE: &str = "the expression cannot be read";

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.next();
        }
        is_next
    }

    /// `AND` binds closer than `OR`.
    fn any_of(&mut self) -> Option<bool> {
        let mut is_satisfied = self.all_of()?;
        while self.takes("OR") {
            is_satisfied |= self.all_of()?;
        }
        Some(is_satisfied)
    }

    fn all_of(&mut self) -> Option<bool> {
        let mut is_satisfied = self.one()?;
        while self.takes("AND") {
            is_satisfied &= self.one()?;
        }
        Some(is_satisfied)
    }

    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let is_satisfied = self.any_of()?;
            return self.takes(")").then_some(is_satisfied);
        }
        let name = self
            .next()
            .filter(|word| !matches!(*word, "OR" | "AND" | "WITH" | ")"))?;
        if self.takes("WITH") {
            let exception = self.next()?;
            return Some(self.allowed.contains(&format!("{name} WITH {exception}")));
        }
        Some(self.allowed.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_by_their_operators() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
            .map(str::to_owned)
            .into();
        for (expression, expected) in [
            ("MIT", Ok(true)),
            ("GPL-2.0", Ok(false)),
            ("MIT/GPL-2.0", Ok(true)),
            ("MIT AND GPL-2.0", Ok(false)),
            ("GPL-2.0 AND X OR MIT", Ok(true)),
            ("(GPL-2.0 OR MIT) AND ISC", Ok(true)),
            ("(GPL-2.0 OR MIT) AND X", Ok(false)),
            ("Apache-2.0 WITH LLVM-exception", Ok(true)),
            ("Apache-2.0", Ok(false)),
            ("MIT OR", Err(UNREADABLE)),
            ("(MIT", Err(UNREADABLE)),
            ("MIT ISC", Err(UNREADABLE)),
            ("", Err("none is named")),
        ] {
            assert_eq!(is_satisfied(expression, &allowed), expected, "{expression}");
        }
    }
}
