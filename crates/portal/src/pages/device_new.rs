//! Phones & Devices → Add.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::inventory::{
    Account, Description, Device, DeviceType, DisplayName, Holder, LinePlace, MacAddress, Site as Place,
    TemplateId, TemplateName,
};
use model::{AccountId, DeviceId, SlotPosition};
use serde::Deserialize;
use store::{AddDeviceError, Transaction};

use super::form::{Choice, Control, Field, FormPage, SAVE};
use super::gate::{Posted, Visitor};
use super::layout::{Frame, PHONES_AND_DEVICES};
use super::optional_choice::{chosen, may_have_template, offered, site_field, template_field};
use super::problem::Problem;
use super::{Site, assignee, chance, line, now};

/// What all hardware of the seed's maker is until it has said what it is.
const ALGO_MODEL: &str = "algo-sip-based-device";
/// Our endpoint.
const OYEZ_MODEL: &str = "oyez";

/// What a device can be given.
struct Offer {
    account: Account,
    assigned: Field,
    sites: Vec<Place>,
    templates: Vec<(TemplateId, TemplateName)>,
}

impl Offer {
    async fn read(transaction: &mut Transaction<'_>, account: &AccountId) -> Result<Self, Problem> {
        let known = line::account_of(transaction, account).await?;
        let mut scope = transaction.account(account);
        Ok(Self {
            account: known,
            assigned: assignee::field(&mut scope, "assigned", "Assigned To").await?,
            sites: scope.sites().await?,
            templates: scope.template_names().await?,
        })
    }
}

struct Fields([Field; 8]);

impl Fields {
    fn new(offer: Offer) -> Self {
        let Offer {
            account,
            assigned,
            sites,
            templates,
        } = offer;
        let text = || Control::Text(&[]);
        let types = DeviceType::ALL
            .into_iter()
            .filter(|kind| kind.is_provisioned() || account.generic_devices)
            .map(|kind| Choice::new(kind.as_str(), kind.label()));
        // Whoever follows the steps of another portal chooses a model here; it is that of the type whatever is chosen.
        let models = DeviceType::ALL.map(|kind| {
            let model = model_of(kind);
            let label = match readable(model) {
                Some(words) => format!("{words} ({model})"),
                None => "None: a generic device".to_owned(),
            };
            Choice::new(model, label)
        });
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                text(),
            ),
            Field::new(
                "description",
                "Description",
                "Optional: what it is for, or where it hangs.",
                text(),
            ),
            Field::new(
                "mac",
                "MAC Address",
                "12 hexadecimal digits, on the product label or under Status in the device's web pages. May be left empty for a generic device: it is then given one that begins with 02 and only names it here.",
                text(),
            ),
            Field::new(
                "type",
                "Device Type",
                "A generic device is configured by hand with credentials that are shown here.",
                Control::Select(types.collect()),
            ),
            Field::new(
                "model",
                "Model",
                "Follows the type.",
                Control::Select(models.into()),
            )
            .filled(ALGO_MODEL),
            assigned,
            site_field(&sites),
            template_field(&templates),
        ])
    }

    /// The form with the user or common area that the device is for.
    fn opened_for(self, holder: &Holder) -> Self {
        let Self([name, description, mac, kind, model, assigned, site, template]) = self;
        let chosen = match assigned.control {
            Control::Text(_) => holder.extension.as_str(),
            _ => holder.id.as_str(),
        };
        let assigned = assigned.filled(chosen);
        Self([name, description, mac, kind, model, assigned, site, template])
    }

    fn typed(posted: &Posted, offer: Offer) -> Self {
        Self(Self::new(offer).0.map(|field| field.typed(posted)))
    }

    /// Makes the device that was typed, or marks what is wrong. A generic device of which no address was typed gets the one that was drawn.
    fn device(&mut self, account: &Account, bits: u128, drawn: MacAddress) -> Option<Device> {
        let [name, description, mac, kind, _, _, site, _] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_description = description.take(Description::new(&description.value));
        let parsed_mac = if mac.value.trim().is_empty() && kind.value == DeviceType::Other.as_str() {
            Some(drawn)
        } else {
            mac.take(mac.value.parse::<MacAddress>())
        };
        let known = DeviceType::from_stored(&kind.value)
            .filter(|kind| kind.is_provisioned() || account.generic_devices);
        let parsed_kind = kind.take(known.ok_or("choose one of the types"));
        let chosen_site = chosen(site);
        Some(Device {
            id: DeviceId::from_random(bits),
            name: parsed_name?,
            description: parsed_description?,
            mac: parsed_mac?,
            kind: parsed_kind?,
            model: Some(model_of(parsed_kind?).to_owned()).filter(|model| !model.is_empty()),
            firmware: None,
            site: chosen_site?,
            added_at: now(),
        })
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add a device", PHONES_AND_DEVICES),
            introduction: "A device with an assignment gets its extension when it is provisioned; one without can be assigned later.",
            action: "/devices/add".to_owned(),
            back: "/devices".to_owned(),
            hidden: Vec::new(),
            fields: offered(self.0),
            button: SAVE,
            removal: None,
        }
    }
}

/// The model of a device of that type, until it has said what it is; empty where there is none.
const fn model_of(kind: DeviceType) -> &'static str {
    match kind {
        DeviceType::Algo => ALGO_MODEL,
        DeviceType::Oyez => OYEZ_MODEL,
        DeviceType::Other => "",
    }
}

/// What people read in the place of a model that no device has told.
pub(super) fn readable(model: &str) -> Option<&'static str> {
    match model {
        ALGO_MODEL => Some("Algo SIP-based device"),
        OYEZ_MODEL => Some("Oyez IP Endpoint"),
        _ => None,
    }
}

/// Whom the form is opened for.
#[derive(Deserialize)]
pub(super) struct OpenedFor {
    #[serde(default)]
    assigned: String,
}

pub(super) async fn show(
    State(site): State<Site>,
    Extension(by): Extension<Visitor>,
    Query(opened): Query<OpenedFor>,
) -> Result<Response, Problem> {
    let mut reading = site.store().read().await?;
    let offer = Offer::read(&mut reading, &by.account).await?;
    let holder = match opened.assigned.parse() {
        Ok(id) => reading.account(&by.account).holder(&id).await?,
        Err(_) => None,
    };
    let fields = Fields::new(offer);
    let fields = match &holder {
        Some(holder) => fields.opened_for(holder),
        None => fields,
    };
    Ok(fields.page(&by).answer())
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let offer = Offer::read(&mut writing, &by.account).await?;
    let mut scope = writing.account(&by.account);
    let account = offer.account.clone();
    let mut fields = Fields::typed(&posted, offer);
    let device = fields.device(&account, chance::bits()?, chance::mac()?);
    let [.., assigned, _, template] = &mut fields.0;
    let holder = assignee::find(&mut scope, assigned).await?;
    let (Some(device), Some(given), Some(holder)) = (device, chosen::<TemplateId>(template), holder) else {
        return Ok(fields.page(by).answer());
    };
    let [_, _, mac, _, _, assigned, _, template] = &mut fields.0;
    if let Err(why) = may_have_template(device.kind, given.as_ref()) {
        template.refuse(why);
        return Ok(fields.page(by).answer());
    }
    match scope.add_device(&device).await {
        Ok(()) => {}
        Err(AddDeviceError::Store(error)) => return Err(error.into()),
        Err(error) => {
            mac.refuse(&error);
            return Ok(fields.page(by).answer());
        }
    }
    if let Some(holder) = &holder {
        let place = first_place(device.kind);
        if let Err(error) = line::assign(&mut scope, &account, &device, holder, place).await? {
            assigned.refuse(&error);
            return Ok(fields.page(by).answer());
        }
    }
    if given.is_some() {
        scope.set_device_template(&device.id, given.as_ref()).await?;
    }
    let detail = format!("{} ({})", device.name, device.mac);
    by.note(&mut writing, "add device", detail).await?;
    writing.commit().await?;
    Ok(Redirect::to(&format!("/devices/{}?saved=1", device.id)).into_response())
}

const fn first_place(kind: DeviceType) -> LinePlace {
    match kind {
        DeviceType::Algo | DeviceType::Oyez => LinePlace::Slot(SlotPosition::BASE_PAGE),
        DeviceType::Other => LinePlace::Phone(1),
    }
}
