//! The certificate of the service's own authority: what devices, phones and browsers are to trust, and how they come to.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::gate::Visitor;
use super::layout::{self, AUTHORITY, Frame};
use crate::provisioning::sha256;

/// Where it is, for whoever configures a device: it is no secret.
pub(super) const PEM: &str = "/authority.pem";
/// The same as telephones want it.
pub(super) const DER: &str = "/authority.crt";

#[derive(Template)]
#[template(path = "authority.html")]
struct Page<'a> {
    frame: Frame,
    fingerprint: String,
    url: &'a str,
}

/// How everything that has to trust the service comes to.
pub(super) async fn show(State(site): State<Site>, Extension(by): Extension<Visitor>) -> Response {
    let page = Page {
        frame: Frame::new(&by, "Certificate of this service", AUTHORITY),
        fingerprint: fingerprint(&site),
        url: &site.setup().provisioning_url,
    };
    layout::page(StatusCode::OK, &page)
}

/// The SHA-256 of the certificate as other programs write it: pairs of digits with colons.
pub(super) fn fingerprint(site: &Site) -> String {
    let hash = sha256(site.setup().authority.certificate());
    let pairs: Vec<String> = hash.0.iter().map(|octet| format!("{octet:02X}")).collect();
    pairs.join(":")
}

pub(super) async fn pem(State(site): State<Site>) -> Response {
    let text = site.setup().authority.certificate_pem().to_owned();
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"authority.pem\"",
        ),
    ];
    (headers, text).into_response()
}

pub(super) async fn der(State(site): State<Site>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-x509-ca-cert"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"authority.crt\"",
        ),
    ];
    (headers, site.setup().authority.certificate().to_vec()).into_response()
}
