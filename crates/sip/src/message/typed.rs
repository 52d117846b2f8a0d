//! Typed header values of a message, read when they are asked for.

use super::{HeaderName, Message};
use crate::header::{
    self, CSeq, Contacts, ContentType, HeaderError, NameAddr, RAck, Reason, RetryAfter, SessionExpires,
    SyntaxError, Via,
};
use crate::syntax;

impl Message {
    /// The top Via: the hop that sent the request to us, or for a response our own.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn top_via(&self) -> Result<Via<'_>, HeaderError> {
        let value = self.required(HeaderName::Via)?;
        Via::parse_first(value).map_err(malformed(HeaderName::Via))
    }

    /// All Via values from the top one down.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.list(HeaderName::Via)
            .map(|value| Via::parse(value).map_err(malformed(HeaderName::Via)))
    }

    /// From.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn from(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.name_addr(HeaderName::From)
    }

    /// To.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn to(&self) -> Result<NameAddr<'_>, HeaderError> {
        self.name_addr(HeaderName::To)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn call_id(&self) -> Result<&str, HeaderError> {
        header::call_id(self.required(HeaderName::CallId)?).map_err(malformed(HeaderName::CallId))
    }

    /// `CSeq`.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn cseq(&self) -> Result<CSeq<'_>, HeaderError> {
        CSeq::parse(self.required(HeaderName::CSeq)?).map_err(malformed(HeaderName::CSeq))
    }

    /// All Contact values.
    ///
    /// # Errors
    /// [`HeaderError`] if one is malformed, or `*` does not stand alone.
    pub fn contacts(&self) -> Result<Contacts<'_>, HeaderError> {
        Contacts::parse(self.texts(HeaderName::Contact), malformed(HeaderName::Contact))
    }

    /// Max-Forwards; `None` if it is absent or over 255 (RFC 4475 section 3.1.2.4).
    ///
    /// # Errors
    /// [`HeaderError`] if it is no number.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        match self.text(HeaderName::MaxForwards)? {
            Some(value) => header::max_forwards(value).map_err(malformed(HeaderName::MaxForwards)),
            None => Ok(None),
        }
    }

    /// Expires in seconds, if there is one; a malformed value counts as
    /// [`EXPIRES_DEFAULT`](crate::header::EXPIRES_DEFAULT).
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.header(HeaderName::Expires).map(header::expires)
    }

    /// Min-Expires in seconds, if there is a sound one.
    #[must_use]
    pub fn min_expires(&self) -> Option<u32> {
        self.header(HeaderName::MinExpires).and_then(syntax::decimal)
    }

    /// Route values in their order.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.name_addrs(HeaderName::Route)
    }

    /// Record-Route values in their order.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.name_addrs(HeaderName::RecordRoute)
    }

    /// The values of any list header that consists of addresses: Path, Service-Route,
    /// P-Asserted-Identity and others.
    pub fn name_addrs(
        &self,
        name: HeaderName<'static>,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> {
        self.list(name)
            .map(move |value| NameAddr::parse(value).map_err(malformed(name)))
    }

    /// The one value of a header that consists of an address: From, To, Refer-To, Referred-By, Reply-To.
    ///
    /// # Errors
    /// [`HeaderError`] if it is missing or malformed.
    pub fn name_addr(&self, name: HeaderName<'static>) -> Result<NameAddr<'_>, HeaderError> {
        NameAddr::parse(self.required(name)?).map_err(malformed(name))
    }

    /// Content-Type, if there is one.
    ///
    /// # Errors
    /// [`HeaderError`] if it is malformed.
    pub fn content_type(&self) -> Result<Option<ContentType<'_>>, HeaderError> {
        self.optional(HeaderName::ContentType, ContentType::parse)
    }

    /// Session-Expires, if there is one.
    ///
    /// # Errors
    /// [`HeaderError`] if it is malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, HeaderError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds, if there is a sound one.
    #[must_use]
    pub fn min_se(&self) -> Option<u32> {
        let value = self.header(HeaderName::MinSe)?;
        syntax::decimal(syntax::trim(value.split(';').next()?))
    }

    /// Retry-After, if there is one.
    ///
    /// # Errors
    /// [`HeaderError`] if it is malformed.
    pub fn retry_after(&self) -> Result<Option<RetryAfter<'_>>, HeaderError> {
        self.optional(HeaderName::RetryAfter, RetryAfter::parse)
    }

    /// `RAck`, if there is one.
    ///
    /// # Errors
    /// [`HeaderError`] if it is malformed.
    pub fn r_ack(&self) -> Result<Option<RAck<'_>>, HeaderError> {
        self.optional(HeaderName::RAck, RAck::parse)
    }

    /// `RSeq`, if there is a sound one.
    #[must_use]
    pub fn r_seq(&self) -> Option<u32> {
        self.header(HeaderName::RSeq).and_then(syntax::decimal)
    }

    /// Reason values in their order.
    pub fn reasons(&self) -> impl Iterator<Item = Result<Reason<'_>, HeaderError>> {
        self.list(HeaderName::Reason)
            .map(|value| Reason::parse(value).map_err(malformed(HeaderName::Reason)))
    }

    /// The first value of a header, or an error if it is not UTF-8.
    pub(super) fn text(&self, name: HeaderName<'static>) -> Result<Option<&str>, HeaderError> {
        self.texts(name).next().transpose()
    }

    fn texts(&self, name: HeaderName<'static>) -> impl Iterator<Item = Result<&str, HeaderError>> {
        self.entries(name).map(move |entry| {
            entry
                .value
                .text_of(&self.octets)
                .ok_or(HeaderError::NotUtf8(name))
        })
    }

    fn required(&self, name: HeaderName<'static>) -> Result<&str, HeaderError> {
        self.text(name)?.ok_or(HeaderError::Missing(name))
    }

    fn optional<'a, T>(
        &'a self,
        name: HeaderName<'static>,
        parse: impl Fn(&'a str) -> Result<T, SyntaxError>,
    ) -> Result<Option<T>, HeaderError> {
        self.text(name)?.map(parse).transpose().map_err(malformed(name))
    }
}

/// Adds the header's name to what is wrong with its value.
fn malformed(header: HeaderName<'static>) -> impl Fn(SyntaxError) -> HeaderError {
    move |fault| HeaderError::Malformed { header, fault }
}
