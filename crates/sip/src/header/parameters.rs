//! The `;name=value` parameters of a header value.

use std::borrow::Cow;

use super::quoting::unquote;
use crate::syntax::{self, Scanner, SyntaxError};

/// One parameter of a header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The name as written.
    pub name: &'a str,
    /// The value as written, quotes included, if there is one.
    pub value: Option<&'a str>,
}

impl<'a> Parameter<'a> {
    /// The value without quotes, quoted pairs and folds.
    #[must_use]
    pub fn unquoted(&self) -> Option<Cow<'a, str>> {
        self.value.map(unquote)
    }

    /// Says whether the parameter has this name, ignoring case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The parameters of a header value in their order; iterating is cheap and may be repeated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters<'a> {
    /// Empty, or checked parameters from the first `;` on.
    text: &'a str,
}

impl<'a> Parameters<'a> {
    /// Takes all parameters at the scanner's position: `*( SEMI generic-param )`.
    pub(crate) fn take(scanner: &mut Scanner<'a>) -> Result<Self, SyntaxError> {
        Self::take_noting(scanner, |_| ())
    }

    /// Takes all parameters and shows each to `note`, which spares a search for those always asked for.
    #[inline]
    pub(crate) fn take_noting(
        scanner: &mut Scanner<'a>,
        mut note: impl FnMut(Parameter<'a>),
    ) -> Result<Self, SyntaxError> {
        let start = scanner.position();
        while scanner.take_separator(b';') {
            note(parameter(scanner)?);
        }
        Ok(Self {
            text: scanner.since(start),
        })
    }

    /// The first parameter of this name, ignoring case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Parameter<'a>> {
        self.into_iter().find(|parameter| parameter.is(name))
    }

    /// The raw value of the first parameter of this name; `None` too if it has no value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.find(name)?.value
    }

    /// Says whether the parameter is there, with or without a value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The parameters as they were written, from the first `;` on; empty if there are none.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

impl<'a> IntoIterator for Parameters<'a> {
    type Item = Parameter<'a>;
    type IntoIter = ParameterIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        ParameterIter {
            scanner: Scanner::new(self.text),
        }
    }
}

/// Iterates over the parameters of a header value.
#[derive(Clone, Debug)]
pub struct ParameterIter<'a> {
    scanner: Scanner<'a>,
}

impl ParameterIter<'_> {
    /// How far into [`Parameters::as_str`] the iteration has come: behind the last parameter it yielded.
    pub(crate) fn position(&self) -> usize {
        self.scanner.position()
    }
}

impl<'a> Iterator for ParameterIter<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.scanner.take_separator(b';') {
            parameter(&mut self.scanner).ok()
        } else {
            None
        }
    }
}

/// Takes `token [ EQUAL ( token / host / quoted-string ) ]`.
#[inline]
fn parameter<'a>(scanner: &mut Scanner<'a>) -> Result<Parameter<'a>, SyntaxError> {
    let name = scanner.take_while(syntax::TOKEN);
    if name.is_empty() {
        return Err(match scanner.peek() {
            None | Some(b';' | b',') => SyntaxError::EmptyElement,
            Some(_) => scanner.unexpected(),
        });
    }
    if !scanner.take_separator(b'=') {
        return Ok(Parameter { name, value: None });
    }
    let value = match scanner.peek() {
        Some(b'"') => scanner.quoted_string()?,
        _ => scanner.expect(syntax::PARAMETER_VALUE)?,
    };
    Ok(Parameter {
        name,
        value: Some(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Vec<(&str, Option<&str>)>, SyntaxError> {
        let mut scanner = Scanner::new(text);
        let parameters = Parameters::take(&mut scanner)?;
        scanner.expect_end()?;
        Ok(parameters
            .into_iter()
            .map(|parameter| (parameter.name, parameter.value))
            .collect())
    }

    #[test]
    fn white_space_and_folds_stand_around_separators() {
        assert_eq!(
            take(" ;\r\n  tag = 98asjd8 ; lr;x=\"a;b, \\\" \"  "),
            Ok(vec![
                ("tag", Some("98asjd8")),
                ("lr", None),
                ("x", Some("\"a;b, \\\" \""))
            ])
        );
    }

    #[test]
    fn values_may_be_addresses() {
        assert_eq!(
            take(";received=2001:db8::9"),
            Ok(vec![("received", Some("2001:db8::9"))])
        );
        assert_eq!(
            take(";received=[2001:db8::9]"),
            Ok(vec![("received", Some("[2001:db8::9]"))])
        );
    }

    #[test]
    fn empty_parameters_are_refused() {
        assert_eq!(take(";;"), Err(SyntaxError::EmptyElement));
        assert_eq!(take(";a=1;"), Err(SyntaxError::EmptyElement));
        assert_eq!(take(";a="), Err(SyntaxError::UnexpectedEnd));
        assert_eq!(take(";=a"), Err(SyntaxError::UnexpectedCharacter(1)));
    }

    #[test]
    fn names_are_found_in_any_case() {
        let parameters = Parameters::take(&mut Scanner::new(";Tag=a;tag=b")).unwrap();
        assert_eq!(parameters.value("TAG"), Some("a"));
    }
}
