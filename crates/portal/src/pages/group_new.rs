//! Page Groups → Add.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::Extension as Number;
use model::directory::Urgency;
use model::inventory::{DisplayName, GroupId, GroupMember, HolderId, PageGroup, Pagers};
use store::{GroupError, NumberTaken};

use super::form::{Choice, Control, Field, FormPage};
use super::gate::{Posted, Visitor};
use super::group::{pagers_text, urgency_text};
use super::layout::{Frame, PAGE_GROUPS};
use super::problem::Problem;
use super::{Site, chance};

const EVERYBODY: &str = "everybody";
const NAMED: &str = "named";
const PORTAL: &str = "portal";
const NORMAL: &str = "normal";
const PRIORITY: &str = "priority";

pub(super) struct Fields([Field; 4]);

impl Fields {
    /// What stands there.
    pub(super) fn of(group: &PageGroup) -> Self {
        let Self([name, extension, pagers, urgency]) = Self::new();
        Self([
            name.filled(group.name.as_str()),
            extension.filled(group.extension.as_str()),
            pagers.filled(match group.pagers {
                Pagers::Everybody => EVERYBODY,
                Pagers::Named(_) => NAMED,
                Pagers::Portal => PORTAL,
            }),
            urgency.filled(match group.urgency {
                Urgency::Normal => NORMAL,
                Urgency::Priority => PRIORITY,
            }),
        ])
    }

    pub(super) fn typed(posted: &Posted) -> Self {
        Self(Self::new().0.map(|field| field.typed(posted)))
    }

    /// Marks what the store has refused; other failures are problems.
    pub(super) fn refuse(&mut self, error: GroupError) -> Result<(), Problem> {
        let [name, extension, pagers, _] = &mut self.0;
        match error {
            GroupError::Number(NumberTaken::Store(error)) => return Err(error.into()),
            GroupError::Number(error @ NumberTaken::By { .. }) => extension.refuse(&error),
            GroupError::TooMany | GroupError::TooManyMembers => name.refuse(&error),
            GroupError::TooManyPagers => pagers.refuse(&error),
        }
        Ok(())
    }

    /// The form for one that is there.
    pub(super) fn edit_page(self, by: &Visitor, group: &PageGroup) -> FormPage {
        let path = format!("{PAGE_GROUPS}/{}", group.id);
        FormPage {
            frame: Frame::new(by, format!("Change {}", group.name), PAGE_GROUPS),
            action: format!("{path}/edit"),
            back: path.clone(),
            removal: Some(format!("{path}/remove")),
            ..self.page(by)
        }
    }

    fn new() -> Self {
        let pagers = [
            (EVERYBODY, Pagers::Everybody),
            (NAMED, Pagers::Named(Vec::new())),
            (PORTAL, Pagers::Portal),
        ];
        let urgencies = [(NORMAL, Urgency::Normal), (PRIORITY, Urgency::Priority)];
        Self([
            Field::new(
                "name",
                "Display Name",
                "What people call it, 3 characters at least.",
                Control::Text(&[]),
            ),
            Field::new(
                "extension",
                "Extension Number",
                "What people dial to page all members: up to 16 digits.",
                Control::Text(&[]),
            ),
            Field::new(
                "pagers",
                "Who May Page",
                "Those who are named are chosen on the group's page. Whoever may talk from the portal may page every group.",
                Control::Select(
                    pagers
                        .map(|(value, pagers)| Choice::new(value, pagers_text(&pagers)))
                        .into(),
                ),
            ),
            Field::new(
                "urgency",
                "Rank",
                "What a loudspeaker does that is playing another page already.",
                Control::Select(
                    urgencies
                        .map(|(value, urgency)| Choice::new(value, urgency_text(urgency)))
                        .into(),
                ),
            ),
        ])
    }

    fn page(self, by: &Visitor) -> FormPage {
        FormPage {
            frame: Frame::new(by, "Add a page group", PAGE_GROUPS),
            introduction: "A page group is one number that pages every member at once. Members are chosen once it is there.",
            action: "/page-groups/add".to_owned(),
            back: PAGE_GROUPS.to_owned(),
            hidden: Vec::new(),
            fields: self.0.into(),
            removal: None,
        }
    }

    /// Makes the group that was typed, of what the form does not ask for besides, or marks what is wrong.
    pub(super) fn group(
        &mut self,
        id: GroupId,
        members: Vec<GroupMember>,
        named: Vec<HolderId>,
    ) -> Option<PageGroup> {
        let [name, extension, pagers, urgency] = &mut self.0;
        let parsed_name = name.take(DisplayName::new(&name.value));
        let parsed_extension = extension.take(extension.value.trim().parse::<Number>());
        let parsed_pagers = match pagers.value.as_str() {
            EVERYBODY => Some(Pagers::Everybody),
            NAMED => Some(Pagers::Named(named)),
            PORTAL => Some(Pagers::Portal),
            _ => {
                pagers.refuse("choose who may page it");
                None
            }
        };
        let parsed_urgency = match urgency.value.as_str() {
            NORMAL => Some(Urgency::Normal),
            PRIORITY => Some(Urgency::Priority),
            _ => {
                urgency.refuse("choose how its pages rank");
                None
            }
        };
        Some(PageGroup {
            id,
            name: parsed_name?,
            extension: parsed_extension?,
            pagers: parsed_pagers?,
            urgency: parsed_urgency?,
            members,
        })
    }
}

pub(super) async fn show(Extension(by): Extension<Visitor>) -> Result<Response, Problem> {
    let Fields([name, extension, pagers, urgency]) = Fields::new();
    let fields = Fields([name, extension, pagers.filled(EVERYBODY), urgency.filled(NORMAL)]);
    Ok(fields.page(&by).answer())
}

pub(super) async fn add(
    State(site): State<Site>,
    Extension(posted): Extension<Posted>,
) -> Result<Response, Problem> {
    let by = &posted.by;
    let mut writing = site.store().write().await?;
    let mut scope = writing.account(&by.account);
    let mut fields = Fields::typed(&posted);
    let id = GroupId::from_random(chance::bits()?);
    let Some(group) = fields.group(id, Vec::new(), Vec::new()) else {
        return Ok(fields.page(by).answer());
    };
    if let Err(error) = scope.add_group(&group).await {
        fields.refuse(error)?;
        return Ok(fields.page(by).answer());
    }
    let detail = format!("{} ({})", group.name, group.extension);
    by.note(&mut writing, "add page group", detail).await?;
    writing.commit().await?;
    let path = format!("{PAGE_GROUPS}/{}/members", group.id);
    Ok(Redirect::to(&path).into_response())
}
