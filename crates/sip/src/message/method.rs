//! Request methods.

use std::fmt;

macro_rules! methods {
    ($($variant:ident = $name:literal, $rfc:literal;)*) => {
        /// The method of a request; methods compare with regard to case (RFC 3261 section 7.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Method<'a> {
            $(
                #[doc = concat!("`", $name, "`: ", $rfc, ".")]
                $variant,
            )*
            /// A method this crate has no name for.
            Other(&'a str),
        }

        impl<'a> Method<'a> {
            /// The method's token.
            #[must_use]
            pub const fn as_str(self) -> &'a str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            /// The same method without a borrow; `None` for a method without a name here.
            fn known(self) -> Option<Method<'static>> {
                match self {
                    $(Self::$variant => Some(Method::$variant),)*
                    Self::Other(_) => None,
                }
            }
        }

        impl<'a> From<&'a str> for Method<'a> {
            fn from(token: &'a str) -> Self {
                match token {
                    $($name => Self::$variant,)*
                    other => Self::Other(other),
                }
            }
        }
    };
}

methods! {
    Register = "REGISTER", "RFC 3261 section 10";
    Invite = "INVITE", "RFC 3261 section 13";
    Ack = "ACK", "RFC 3261 section 13";
    Bye = "BYE", "RFC 3261 section 15";
    Cancel = "CANCEL", "RFC 3261 section 9";
    Options = "OPTIONS", "RFC 3261 section 11";
    Info = "INFO", "RFC 6086";
    Message = "MESSAGE", "RFC 3428";
    Notify = "NOTIFY", "RFC 6665";
    Subscribe = "SUBSCRIBE", "RFC 6665";
    Refer = "REFER", "RFC 3515";
    Update = "UPDATE", "RFC 3311";
    Prack = "PRACK", "RFC 3262";
    Publish = "PUBLISH", "RFC 3903";
}

impl Method<'_> {
    /// Says whether this crate has a name for the method.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.known().is_some()
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A method that outlives the message it came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnedMethod(Kept);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kept {
    Known(Method<'static>),
    Other(Box<str>),
}

impl OwnedMethod {
    /// The method.
    #[must_use]
    pub fn as_method(&self) -> Method<'_> {
        match &self.0 {
            Kept::Known(method) => *method,
            Kept::Other(name) => Method::Other(name),
        }
    }

    /// The method's token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.as_method().as_str()
    }
}

impl From<Method<'_>> for OwnedMethod {
    fn from(method: Method<'_>) -> Self {
        Self(match method.known() {
            Some(known) => Kept::Known(known),
            None => Kept::Other(method.as_str().into()),
        })
    }
}

impl PartialEq<Method<'_>> for OwnedMethod {
    fn eq(&self, other: &Method<'_>) -> bool {
        self.as_method() == *other
    }
}

impl fmt::Display for OwnedMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_compare_with_regard_to_case() {
        assert_eq!(Method::from("INVITE"), Method::Invite);
        assert_eq!(Method::from("invite"), Method::Other("invite"));
    }

    #[test]
    fn an_owned_method_is_the_method_it_came_from() {
        for token in ["BYE", "RE%47IST%45R"] {
            assert_eq!(OwnedMethod::from(Method::from(token)), Method::from(token));
        }
    }
}
