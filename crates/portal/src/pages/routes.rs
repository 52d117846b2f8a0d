//! Every page for somebody who has signed in, each with the least role that may ask for it. What is not in the table is not there.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};
use model::inventory::Role;

use super::{
    Site, administrator_factor, administrators, alarms, api_clients, audit, authority, check, claim_code,
    configuration, credentials, device, device_certificate, device_edit, device_new, device_password,
    devices, extension_new, extensions, group, group_edit, group_members, group_new, groups, holder_edit,
    holder_new, holders, invited, layout, line_edit, line_move, live, own_password, provision, report_files,
    reports, resync, review, second_factor, settings, sign_in, site_edit, sites, start, talk, template_edit,
    templates, webhooks, zones,
};
use super::{bulk, export, import, work};

/// One method of one path.
pub(super) struct Route {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the handler knows it; tests ask by it")
    )]
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The least role that may ask for it.
    pub(super) least: Role,
    /// Octets of a form with a file; 0 where there can be none.
    pub(super) upload_max: usize,
    pub(super) handler: MethodRouter<Site>,
}

/// What whoever has yet to set up the second factor that their account requires may ask for.
pub(super) const ADMITS_OWING: [&str; 5] = [
    "/second-factor",
    "/second-factor/codes",
    "/second-factor/off",
    "/password",
    layout::SIGN_OUT,
];

/// The table. Who looks sees what is there; an operator speaks; forms, and what changes something or
/// shows a secret, are an administrator's.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    routes.extend(start_and_holders());
    routes.extend(devices());
    routes.extend(groups_and_pages());
    routes.extend(people());
    routes.extend(sites_and_templates());
    routes.extend(account());
    routes.extend(in_bulk());
    routes.push(post(Role::Viewer, layout::SIGN_OUT, sign_in::sign_out));
    routes
}

/// Where everybody begins, with what somebody has to look at, and who has an extension.
fn start_and_holders() -> Vec<Route> {
    use Role::{Admin, Viewer};
    vec![
        get(Viewer, "/", start::show),
        get(Viewer, "/start/live", start::live),
        post(Admin, "/alarms/{number}/dismiss", alarms::dismiss),
        post(Admin, "/alarms/{number}/dismiss-kind", alarms::dismiss_kind),
        get(Viewer, "/users", holders::show_users),
        get(Admin, "/users/add", holder_new::show_user),
        post(Admin, "/users/add", holder_new::add_user),
        get(Viewer, "/common-areas", holders::show_common_areas),
        get(Admin, "/common-areas/add", holder_new::show_common_area),
        post(Admin, "/common-areas/add", holder_new::add_common_area),
        get(Admin, "/users/{id}", holder_edit::show),
        post(Admin, "/users/{id}", holder_edit::save),
        get(Admin, "/users/{id}/remove", holder_edit::ask_removal),
        post(Admin, "/users/{id}/remove", holder_edit::remove),
        get(Admin, "/common-areas/{id}", holder_edit::show),
        post(Admin, "/common-areas/{id}", holder_edit::save),
        get(Admin, "/common-areas/{id}/remove", holder_edit::ask_removal),
        post(Admin, "/common-areas/{id}/remove", holder_edit::remove),
        get(Viewer, "/changes", live::changes),
    ]
}

/// Devices, what they are given, and the extensions in their slots.
fn devices() -> Vec<Route> {
    use Role::{Admin, Viewer};
    vec![
        get(Viewer, "/devices", devices::show_assigned),
        get(Viewer, "/devices/unassigned", devices::show_unassigned),
        get(Admin, "/devices/add", device_new::show),
        post(Admin, "/devices/add", device_new::add),
        get(Viewer, "/devices/{id}", device::show),
        get(Admin, "/devices/{id}/edit", device_edit::show),
        post(Admin, "/devices/{id}/edit", device_edit::save),
        get(Admin, "/devices/{id}/remove", device_edit::ask_removal),
        post(Admin, "/devices/{id}/remove", device_edit::remove),
        get(Admin, "/devices/{id}/configuration", configuration::show),
        get(Viewer, "/devices/{id}/provision", provision::show),
        post(Admin, "/devices/{id}/claim-code", claim_code::make),
        get(Admin, "/devices/{id}/certificate", device_certificate::show),
        Route {
            upload_max: device_certificate::UPLOAD_LENGTH_MAX,
            ..post(Admin, "/devices/{id}/certificate", device_certificate::sign)
        },
        get(Admin, "/devices/{id}/revoke", claim_code::ask_revocation),
        post(Admin, "/devices/{id}/revoke", claim_code::revoke),
        get(Viewer, "/authority", authority::show),
        post(Admin, "/devices/{id}/release", review::release),
        post(
            Admin,
            "/devices/{id}/certificates/{fingerprint}/accept",
            review::accept,
        ),
        get(
            Admin,
            "/devices/{id}/certificates/{fingerprint}/block",
            review::ask_block,
        ),
        post(
            Admin,
            "/devices/{id}/certificates/{fingerprint}/block",
            review::block,
        ),
        post(Admin, "/devices/{id}/credentials", credentials::reveal),
        post(Admin, "/devices/{id}/password", own_password::reveal),
        get(Admin, "/device-password", device_password::show),
        post(Admin, "/device-password", device_password::reveal),
        get(Admin, "/device-password/rotate", device_password::ask_rotation),
        post(Admin, "/device-password/rotate", device_password::rotate),
        post(Admin, "/devices/{id}/resync", resync::resync),
        post(Admin, "/devices/{id}/restart", resync::restart),
        get(Viewer, "/devices/{id}/live", device::live),
        get(Viewer, "/devices/{id}/check", check::show),
        get(Viewer, "/devices/{id}/extensions", extensions::show),
        get(Admin, "/devices/{id}/extensions/add", extension_new::show),
        post(Admin, "/devices/{id}/extensions/add", extension_new::add),
        get(
            Admin,
            "/devices/{id}/lines/{line}/rotate",
            line_edit::ask_rotation,
        ),
        post(Admin, "/devices/{id}/lines/{line}/rotate", line_edit::rotate),
        post(
            Admin,
            "/devices/{id}/lines/{line}/end-earlier",
            line_edit::end_earlier,
        ),
        get(Admin, "/devices/{id}/lines/{line}/move", line_move::show),
        post(Admin, "/devices/{id}/lines/{line}/move", line_move::save),
        get(Admin, "/devices/{id}/lines/{line}/remove", line_edit::ask_removal),
        post(Admin, "/devices/{id}/lines/{line}/remove", line_edit::remove),
    ]
}

/// Who hears a page together, speaking to them, and what was heard.
fn groups_and_pages() -> Vec<Route> {
    use Role::{Admin, Operator, Viewer};
    vec![
        get(Viewer, "/page-groups", groups::show),
        get(Admin, "/page-groups/add", group_new::show),
        post(Admin, "/page-groups/add", group_new::add),
        get(Viewer, "/page-groups/{id}", group::show),
        get(Admin, "/page-groups/{id}/edit", group_edit::show),
        post(Admin, "/page-groups/{id}/edit", group_edit::save),
        get(Admin, "/page-groups/{id}/members", group_members::show),
        post(Admin, "/page-groups/{id}/members", group_members::add),
        post(Admin, "/page-groups/{id}/members/remove", group_members::remove),
        get(Admin, "/page-groups/{id}/pagers", group_members::show_pagers),
        post(Admin, "/page-groups/{id}/pagers", group_members::add_pagers),
        post(
            Admin,
            "/page-groups/{id}/pagers/remove",
            group_members::remove_pagers,
        ),
        get(Admin, "/page-groups/{id}/remove", group_edit::ask_removal),
        post(Admin, "/page-groups/{id}/remove", group_edit::remove),
        get(Operator, "/talk", talk::show),
        post(Operator, "/talk", talk::read_text),
        get(Operator, "/talk/live", talk::live),
        get(Viewer, "/zones", zones::show),
        get(Viewer, "/zones/live", zones::live),
        get(Viewer, "/reports", reports::show),
        get(Viewer, "/reports/export.csv", report_files::csv),
        get(Viewer, "/reports/export.json", report_files::json),
        get(Viewer, "/reports/{number}", reports::show_one),
        get(Viewer, "/reports/{number}/export.csv", report_files::one_csv),
        get(Viewer, "/reports/{number}/export.json", report_files::one_json),
    ]
}

/// Whoever signs in, and what each of them did.
fn people() -> Vec<Route> {
    use Role::{Owner, Viewer};
    vec![
        get(Viewer, "/audit", audit::show),
        get(Viewer, "/administrators", administrators::show),
        get(Owner, "/administrators/add", administrators::show_add),
        post(Owner, "/administrators/add", administrators::add),
        get(Owner, "/administrators/{id}", administrators::show_one),
        post(Owner, "/administrators/{id}", administrators::save),
        post(Owner, "/administrators/{id}/invite", administrators::invite_again),
        get(Owner, "/administrators/{id}/remove", administrators::ask_removal),
        post(Owner, "/administrators/{id}/remove", administrators::remove),
        get(Viewer, "/password", invited::show_own),
        post(Viewer, "/password", invited::change_own),
        get(
            Owner,
            "/administrators/{id}/second-factor",
            administrator_factor::ask,
        ),
        post(
            Owner,
            "/administrators/{id}/second-factor",
            administrator_factor::take_away,
        ),
        get(Viewer, "/second-factor", second_factor::show),
        post(Viewer, "/second-factor", second_factor::set_up),
        post(Viewer, "/second-factor/codes", second_factor::renew_codes),
        post(Viewer, "/second-factor/off", second_factor::turn_off),
    ]
}

/// What is put into a site or given a template stands elsewhere; these are their own pages.
fn sites_and_templates() -> Vec<Route> {
    use Role::{Admin, Viewer};
    vec![
        get(Viewer, "/sites", sites::show),
        get(Admin, "/sites/add", site_edit::show_add),
        post(Admin, "/sites/add", site_edit::add),
        get(Viewer, "/sites/{id}", sites::show_one),
        get(Admin, "/sites/{id}/edit", site_edit::show_edit),
        post(Admin, "/sites/{id}/edit", site_edit::save),
        get(Admin, "/sites/{id}/remove", site_edit::ask_removal),
        post(Admin, "/sites/{id}/remove", site_edit::remove),
        get(Viewer, "/templates", templates::show),
        get(Admin, "/templates/add", template_edit::show_add),
        post(Admin, "/templates/add", template_edit::add),
        get(Admin, "/templates/{id}", template_edit::show_edit),
        post(Admin, "/templates/{id}", template_edit::save),
        get(Viewer, "/templates/{id}/devices", templates::show_devices),
        get(Admin, "/templates/{id}/remove", template_edit::ask_removal),
        post(Admin, "/templates/{id}/remove", template_edit::remove),
    ]
}

/// Settings of the account, lists of everything, and programs that ask or are told.
fn account() -> Vec<Route> {
    use Role::Admin;
    vec![
        get(Admin, "/settings", settings::show),
        post(Admin, "/settings", settings::save),
        get(Admin, "/import", import::show),
        Route {
            upload_max: import::UPLOAD_LENGTH_MAX,
            ..post(Admin, "/import", import::upload)
        },
        get(Admin, "/import/{id}", import::show_one),
        post(Admin, "/import/{id}/apply", import::apply),
        get(Admin, "/export.csv", export::csv),
        get(Admin, "/export.json", export::json),
        get(Admin, "/work/{id}", work::show),
        get(Admin, "/work/{id}/live", work::live),
        get(Admin, "/work/{id}/changes", work::changes),
        get(Admin, "/api-clients", api_clients::show),
        get(Admin, "/api-clients/add", api_clients::show_form),
        post(Admin, "/api-clients/add", api_clients::add),
        post(Admin, "/api-clients/{id}/token", api_clients::make_token),
        get(Admin, "/api-clients/{id}/remove", api_clients::ask_removal),
        post(Admin, "/api-clients/{id}/remove", api_clients::remove),
        get(Admin, "/webhooks", webhooks::show),
        get(Admin, "/webhooks/add", webhooks::show_form),
        post(Admin, "/webhooks/add", webhooks::add),
        get(Admin, "/webhooks/{id}", webhooks::show_one),
        post(Admin, "/webhooks/{id}/validate", webhooks::validate),
        post(Admin, "/webhooks/{id}/test", webhooks::test),
        get(Admin, "/webhooks/{id}/remove", webhooks::ask_removal),
        post(Admin, "/webhooks/{id}/remove", webhooks::remove),
    ]
}

/// What is done with many rows of a list.
fn in_bulk() -> Vec<Route> {
    use Role::Admin;
    vec![
        get(Admin, "/devices/selected", bulk::ask_devices),
        post(Admin, "/devices/selected", bulk::do_devices),
        get(Admin, "/users/selected", bulk::ask_users),
        post(Admin, "/users/selected", bulk::do_users),
        get(Admin, "/common-areas/selected", bulk::ask_common_areas),
        post(Admin, "/common-areas/selected", bulk::do_common_areas),
    ]
}

/// A page that is looked at.
fn get<H, T>(least: Role, path: &'static str, handler: H) -> Route
where
    H: Handler<T, Site>,
    T: 'static,
{
    Route {
        method: Method::GET,
        path,
        least,
        upload_max: 0,
        handler: routing::get(handler),
    }
}

/// A form that is sent.
fn post<H, T>(least: Role, path: &'static str, handler: H) -> Route
where
    H: Handler<T, Site>,
    T: 'static,
{
    Route {
        method: Method::POST,
        path,
        least,
        upload_max: 0,
        handler: routing::post(handler),
    }
}
