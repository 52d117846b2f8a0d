//! Device → Provision → Certificate by hand: a signing request is pasted or uploaded, and the certificate comes back.

use std::time::SystemTime;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::inventory::{Device, DeviceType, Timestamp};

use super::gate::{Posted, Visitor};
use super::layout::{self, Frame, PHONES_AND_DEVICES, shown};
use super::problem::Problem;
use super::{Site, slots};
use crate::provisioning::{IssuedByHand, NotIssued, NotKept, issue_by_hand};

/// Octets of the form: far more than a request has, so that what is too long is named as what it is.
pub(super) const UPLOAD_LENGTH_MAX: usize = 1024 * 1024;

#[derive(Template)]
#[template(path = "device_certificate.html")]
struct Page<'a> {
    frame: Frame,
    device: &'a Device,
    is_algo: bool,
    /// Where the device is to fetch its configuration.
    url: &'a str,
    /// What was typed.
    request: &'a str,
    error: Option<String>,
    issued: Option<Issued>,
}

/// A certificate that was issued just before.
struct Issued {
    /// With the authority's after it, in PEM.
    chain: String,
    /// The certificate alone, and the chain, as browsers save them without asking the service again.
    certificate_link: String,
    chain_link: String,
    fingerprint: String,
    until: String,
}

impl Issued {
    fn of(issued: &IssuedByHand) -> Self {
        let link = |text: &str| format!("data:application/x-pem-file;base64,{}", STANDARD.encode(text));
        Self {
            chain: issued.chain(),
            certificate_link: link(&issued.certificate),
            chain_link: link(&issued.chain()),
            fingerprint: issued.fingerprint.clone(),
            until: shown(Timestamp(issued.not_after_ms)),
        }
    }
}

impl<'a> Page<'a> {
    fn of(site: &'a Site, by: &Visitor, device: &'a Device) -> Self {
        let title = format!("Certificate by hand: {}", device.name);
        Self {
            frame: Frame::new(by, title, PHONES_AND_DEVICES),
            device,
            is_algo: device.kind == DeviceType::Algo,
            url: &site.setup().provisioning_url,
            request: "",
            error: None,
            issued: None,
        }
    }
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let device = slots::provisioned_device(&mut reading.account(&by.account), &id).await?;
    Ok(layout::page(StatusCode::OK, &Page::of(&site, &by, &device)))
}

/// Signs the request that was pasted, or else the file that was chosen.
pub(super) async fn sign(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let device = slots::provisioned_device(&mut writing.account(&by.account), &id).await?;
    let pasted = posted.value("request");
    let request = match &posted.file {
        Some(file) if pasted.trim().is_empty() => &file.octets,
        Some(_) | None => pasted.as_bytes(),
    };
    let (authority, of) = (&site.setup().authority, (&by.account, &device));
    let email = &by.administrator.email;
    let issued = issue_by_hand(&mut writing, authority, of, request, email, SystemTime::now()).await;
    let page = Page::of(&site, by, &device);
    match issued {
        Ok(issued) => {
            writing.commit().await?;
            let issued = Some(Issued::of(&issued));
            Ok(layout::page(StatusCode::OK, &Page { issued, ..page }))
        }
        Err(NotIssued::Unkept(NotKept::Store(error))) => Err(error.into()),
        Err(why) => {
            let request = if is_secret(pasted) { "" } else { pasted };
            let error = Some(why.to_string());
            let page = Page {
                request,
                error,
                ..page
            };
            Ok(layout::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
    }
}

/// A private key that was pasted by mistake is not shown again.
fn is_secret(pasted: &str) -> bool {
    pasted.contains("PRIVATE KEY-----")
}
