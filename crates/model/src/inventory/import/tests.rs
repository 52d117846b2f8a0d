use super::*;
use crate::directory::Urgency;
use crate::inventory::{
    CountryCode, Description, DeviceType, DisplayName, HolderKind, Pagers, SiteId, SiteTitle, TimeZone,
    Timestamp,
};
use crate::{DeviceId, SlotKind, SlotPosition};

mod groups;

const MAC: &str = "0022ee-0a0b0c";

fn page(port: u8) -> LinePlace {
    LinePlace::Slot(SlotPosition::new(SlotKind::Page, port).unwrap())
}

fn holder(number: u128, kind: HolderKind, name: &str, extension: &str) -> Holder {
    Holder {
        id: HolderId::from_random(number),
        kind,
        name: DisplayName::new(name).unwrap(),
        extension: extension.parse().unwrap(),
        package: "Standard".to_owned(),
        country: CountryCode::new("CA").unwrap(),
        time_zone: TimeZone::new("UTC").unwrap(),
        site: None,
    }
}

fn device(number: u128, name: &str, mac: &str, kind: DeviceType) -> Device {
    Device {
        id: DeviceId::from_random(number),
        name: DisplayName::new(name).unwrap(),
        description: Description::new("").unwrap(),
        mac: mac.parse().unwrap(),
        kind,
        model: None,
        firmware: None,
        site: None,
        added_at: Timestamp(0),
    }
}

/// The hall with 701 on page 1 of its speaker, the gate with 702, a group with 700.
fn present() -> Present {
    let hall = holder(1, HolderKind::CommonArea, "Hall", "701");
    let speaker = device(1, "Hall speaker", MAC, DeviceType::Oyez);
    Present {
        account: Account {
            id: "one".parse().unwrap(),
            name: DisplayName::new("One Ltd").unwrap(),
            domain: "one.example".to_owned(),
            many_extensions_before_5_5: false,
            generic_devices: true,
        },
        defaults: HolderDefaults::default(),
        sites: vec![Site {
            id: SiteId::from_random(1),
            name: SiteTitle::new("North").unwrap(),
        }],
        templates: vec![(TemplateId::from_random(1), TemplateName::new("Loud").unwrap())],
        groups: vec![PageGroup {
            id: GroupId::from_random(1),
            name: DisplayName::new("Everywhere").unwrap(),
            extension: "700".parse().unwrap(),
            urgency: Urgency::Normal,
            pagers: Pagers::Named(vec![hall.id.clone()]),
            members: vec![GroupMember::Holder(hall.id.clone())],
        }],
        assignments: vec![Assignment {
            device: speaker.id.clone(),
            place: page(1),
            holder: hall.id.clone(),
            user: "u".parse().unwrap(),
        }],
        holders: vec![hall, holder(2, HolderKind::CommonArea, "Gate", "702")],
        devices: vec![(speaker, None)],
        elsewhere: vec!["0022EE000001".parse().unwrap()],
        catalogue: Catalogue::built_in(),
    }
}

/// A row from "column=text" pairs.
fn row(line: u64, kind: RecordKind, cells: &[(Column, &str)]) -> Row {
    let cell = |(column, text): &(Column, &str)| Cell {
        column: *column,
        line,
        text: (*text).to_owned(),
    };
    Row {
        line,
        kind,
        cells: cells.iter().map(cell).collect(),
    }
}

fn area(line: u64, name: &str, extension: &str) -> Row {
    let cells = [
        (Column::Name, name),
        (Column::Extension, extension),
        (Column::Country, "CA"),
        (Column::TimeZone, "UTC"),
    ];
    row(line, RecordKind::CommonArea, &cells)
}

fn placed(line: u64, extension: &str, country: &str, zone: &str) -> Row {
    let cells = [
        (Column::Name, "Roof"),
        (Column::Extension, extension),
        (Column::Country, country),
        (Column::TimeZone, zone),
    ];
    row(line, RecordKind::CommonArea, &cells)
}

fn equipment(line: u64, name: &str, mac: &str, kind: &str) -> Row {
    let cells = [(Column::Name, name), (Column::Mac, mac), (Column::Type, kind)];
    row(line, RecordKind::Device, &cells)
}

fn assignment(line: u64, mac: &str, extension: &str, slot: &str, port: &str) -> Row {
    let cells = [
        (Column::Mac, mac),
        (Column::Extension, extension),
        (Column::Slot, slot),
        (Column::Port, port),
    ];
    row(line, RecordKind::Assignment, &cells)
}

fn planned(rows: &[Row], present: &Present) -> Plan {
    let mut drawn = 100;
    plan(rows, present, Timestamp(7), &mut || {
        drawn += 1;
        drawn
    })
}

fn told(plan: &Plan, present: &Present) -> Vec<String> {
    let names = Names::of(present);
    let step = |step: &Step| {
        let differences: Vec<String> = step
            .change
            .differences(&names)
            .into_iter()
            .map(|difference| {
                format!(
                    "{} {:?}>{:?}",
                    difference.column.as_str(),
                    difference.before,
                    difference.after
                )
            })
            .collect();
        let sign = if step.is_added() { "+" } else { "~" };
        format!(
            "{} {sign} {}: {}",
            step.line,
            step.change.subject(),
            differences.join(", ")
        )
    };
    assert_eq!(plan.faults, Faults::default());
    plan.steps.iter().map(step).collect()
}

fn faults(rows: &[Row]) -> Vec<String> {
    let plan = planned(rows, &present());
    assert!(
        plan.steps.is_empty() || plan.faults.is_empty(),
        "of a bad list nothing is done"
    );
    plan.faults.kept.iter().map(ToString::to_string).collect()
}

#[test]
fn rows_add_change_and_leave_alone_and_what_is_not_named_stays() {
    let present = present();
    let rows = [
        area(2, "Hall", "701"),
        area(3, "Main gate", "702"),
        area(4, "Roof", "703"),
        equipment(5, "Hall speaker", "00:22:EE:0A:0B:0C", "oyez"),
        equipment(6, "Roof speaker", "0022ee0a0b0d", "algo"),
        assignment(7, MAC, "701", "page", "1"),
        assignment(8, "0022.ee0a.0b0d", "703", "page", "1"),
    ];
    let plan = planned(&rows, &present);
    assert_eq!(
        told(&plan, &present),
        [
            "3 ~ Gate (702): name \"Gate\">\"Main gate\"",
            "4 + Roof (703): name \"\">\"Roof\", extension \"\">\"703\", package \"\">\"Standard\", \
             country \"\">\"CA\", time_zone \"\">\"UTC\"",
            "6 + Roof speaker (00:22:EE:0A:0B:0D): name \"\">\"Roof speaker\", mac \"\">\"00:22:EE:0A:0B:0D\", \
             type \"\">\"algo\"",
            "8 + page 1 of Roof speaker (00:22:EE:0A:0B:0D): extension \"\">\"703\"",
        ]
    );
    assert_eq!(plan.unchanged.values().sum::<usize>(), 3);
    let Change::AddDevice(added, None) = &plan.steps[2].change else {
        panic!("a device is added");
    };
    assert_eq!(
        (added.model.as_deref(), added.added_at),
        (Some("algo-sip-based-device"), Timestamp(7))
    );
    assert_eq!(
        plan,
        planned(&rows, &present),
        "the same draws give the same plan"
    );
}

#[test]
fn whoever_is_added_without_a_country_and_a_time_zone_has_those_of_the_account() {
    let mut present = present();
    present.defaults = HolderDefaults {
        country: Some(CountryCode::new("AU").unwrap()),
        time_zone: Some(TimeZone::new("Australia/Sydney").unwrap()),
    };
    let unstated = [(Column::Extension, "703"), (Column::Name, "Roof")];
    let empty = [
        (Column::Extension, "703"),
        (Column::Name, "Roof"),
        (Column::Country, " "),
        (Column::TimeZone, ""),
    ];
    for cells in [&unstated[..], &empty[..]] {
        let rows = [
            row(2, RecordKind::CommonArea, cells),
            row(3, RecordKind::CommonArea, &[(Column::Extension, "701")]),
        ];
        assert_eq!(
            told(&planned(&rows, &present), &present),
            [
                "2 + Roof (703): name \"\">\"Roof\", extension \"\">\"703\", package \"\">\"Standard\", \
                 country \"\">\"AU\", time_zone \"\">\"Australia/Sydney\"",
            ]
        );
    }
    let emptied = [(Column::Extension, "701"), (Column::Country, "")];
    let plan = planned(&[row(2, RecordKind::CommonArea, &emptied)], &present);
    assert_eq!(plan.faults.count, 1, "what is there is not replaced unseen");
}

#[test]
fn a_country_and_a_time_zone_that_are_stored_are_taken_though_no_table_has_them() {
    let mut present = present();
    let hall = &mut present.holders[0];
    hall.name = DisplayName::new("Roof").unwrap();
    hall.country = CountryCode::new("UK").unwrap();
    hall.time_zone = TimeZone::new("Europe/Berln").unwrap();
    let plan = planned(&[placed(2, "701", "UK", "Europe/Berln")], &present);
    assert_eq!((plan.faults.count, plan.steps.len()), (0, 0));
    let plan = planned(&[placed(2, "701", "QQ", "Europe/Berl")], &present);
    assert_eq!(plan.faults.count, 2);
}

#[test]
fn a_cell_that_is_not_stated_leaves_what_is_there_and_an_empty_one_empties_it() {
    let mut present = present();
    let north = Some(SiteId::from_random(1));
    present.holders[0].site.clone_from(&north);
    present.devices[0] = (
        Device {
            site: north,
            description: Description::new("Above the door").unwrap(),
            ..present.devices[0].0.clone()
        },
        Some(TemplateId::from_random(1)),
    );
    let unstated = [
        row(2, RecordKind::CommonArea, &[(Column::Extension, "701")]),
        row(3, RecordKind::Device, &[(Column::Mac, MAC)]),
    ];
    assert_eq!(told(&planned(&unstated, &present), &present), [""; 0]);
    let empty = [
        row(
            2,
            RecordKind::CommonArea,
            &[(Column::Extension, "701"), (Column::Site, "")],
        ),
        row(
            3,
            RecordKind::Device,
            &[
                (Column::Mac, MAC),
                (Column::Site, " "),
                (Column::Description, ""),
                (Column::Template, ""),
            ],
        ),
    ];
    assert_eq!(
        told(&planned(&empty, &present), &present),
        [
            "2 ~ Hall (701): site \"North\">\"\"",
            "3 ~ Hall speaker (00:22:EE:0A:0B:0C): description \"Above the door\">\"\", site \"North\">\"\", \
             template \"Loud\">\"\"",
        ]
    );
}

/// Rows with one wrong cell, and what is said of it.
fn told_rightly<const COUNT: usize>(cases: [(Vec<Row>, &str); COUNT]) {
    for (rows, told) in cases {
        let found = faults(&rows);
        assert!(
            found.len() == 1 && found[0].starts_with(told),
            "{told}: {found:?}"
        );
    }
}

#[test]
fn each_wrong_cell_of_whom_and_what_is_told_with_what_would_be_right() {
    told_rightly([
        (
            vec![area(2, "Ha", "701")],
            "line 2, name: the display name must have 3 to 255",
        ),
        (
            vec![area(2, "Hall", "70a")],
            "line 2, extension: \"70a\" is not an extension: 1 to 16 digits or asterisks",
        ),
        (
            vec![area(2, "All", "700")],
            "line 2, extension: 700 is the page group Everywhere; choose another",
        ),
        (
            vec![row(
                2,
                RecordKind::User,
                &[(Column::Extension, "701"), (Column::Name, "Ann")],
            )],
            "line 2, extension: it is a common area Hall; write common_area in the column record",
        ),
        (
            vec![row(
                2,
                RecordKind::User,
                &[
                    (Column::Extension, "801"),
                    (Column::Name, "Ann"),
                    (Column::TimeZone, "UTC"),
                ],
            )],
            "line 2, country: a user needs it",
        ),
        (
            vec![placed(2, "703", "UK", "UTC")],
            "line 2, country: the country must have a name of the list, or two letters of ISO 3166-1",
        ),
        (
            vec![placed(2, "703", "CA", "Europe/Berln")],
            "line 2, time_zone: the time zone must have a name of the tz database, such as America/Vancouver; did you mean Europe/Berlin?",
        ),
        (
            vec![row(
                2,
                RecordKind::CommonArea,
                &[(Column::Extension, "701"), (Column::Site, "Nort")],
            )],
            "line 2, site: there is no site \"Nort\"; is it North?",
        ),
        (
            vec![equipment(2, "Gate", "0022EE", "oyez")],
            "line 2, mac: \"0022EE\" is no MAC address: 12 hexa",
        ),
        (
            vec![equipment(2, "Gate", "0022EE0A0B0D", "algoo")],
            "line 2, type: \"algoo\" is not known; is it algo?",
        ),
        (
            vec![equipment(2, "Gate", MAC, "algo")],
            "line 2, type: 00:22:EE:0A:0B:0C is Hall speaker, and its type oyez stays",
        ),
        (
            vec![equipment(2, "Gate", "0022EE000001", "oyez")],
            "line 2, mac: 00:22:EE:00:00:01 cannot be added here",
        ),
        (
            vec![row(
                2,
                RecordKind::Device,
                &[
                    (Column::Name, "Desk"),
                    (Column::Mac, "0022EE0A0B0E"),
                    (Column::Type, "other"),
                    (Column::Template, "Loud"),
                ],
            )],
            "line 2, template: a generic device fetches no configuration; leave it out",
        ),
    ]);
}

#[test]
fn each_wrong_cell_of_an_assignment_is_told_with_what_would_be_right() {
    told_rightly([
        (
            vec![assignment(2, MAC, "799", "page", "2")],
            "line 2, extension: no user or common area has 799",
        ),
        (
            vec![assignment(2, "0022EE0A0B0D", "702", "page", "2")],
            "line 2, mac: there is no device 00:22:EE:0A:0B:0D",
        ),
        (
            vec![assignment(2, MAC, "702", "ring", "11")],
            "line 2, port: ring has the ports 1 to 10",
        ),
        (
            vec![assignment(2, MAC, "702", "page", "two")],
            "line 2, port: \"two\" is no port",
        ),
        (
            vec![assignment(2, MAC, "702", "pag", "1")],
            "line 2, slot: \"pag\" is not known; is it page?",
        ),
        (
            vec![assignment(2, MAC, "702", "phone", "1")],
            "line 2, slot: a device of type Oyez has page, ring",
        ),
        (
            vec![
                assignment(2, MAC, "702", "ring", "1"),
                assignment(3, MAC, "702", "ring", "2"),
            ],
            "line 3, slot: extension 702 rings at another device",
        ),
    ]);
}

#[test]
fn what_stands_twice_names_the_earlier_line_and_the_device_that_has_the_address() {
    assert_eq!(
        faults(&[
            area(2, "Hall", "701"),
            area(3, "Hall", "701"),
            equipment(4, "Roof speaker", "0022EE0A0B0D", "oyez"),
            equipment(6, "Gate speaker", "00-22-ee-0a-0b-0d", "oyez"),
            assignment(7, MAC, "702", "page", "2"),
            assignment(8, MAC, "701", "page", "2"),
        ]),
        [
            "line 3, extension: 701 stands already in line 2; write each extension once",
            "line 6, mac: 00:22:EE:0A:0B:0D stands already in line 4, for Roof speaker; write each device once",
            "line 8, port: page 2 of 00:22:EE:0A:0B:0C stands already in line 7; write each slot once",
        ]
    );
}

#[test]
fn a_bad_row_is_told_once_and_not_again_by_those_that_name_it() {
    let rows = [
        equipment(2, "R", "0022EE0A0B0D", "oyez"),
        area(3, "G", "703"),
        assignment(4, "0022EE0A0B0D", "703", "page", "1"),
    ];
    assert_eq!(faults(&rows).len(), 2);
}

#[test]
fn extensions_change_places_and_another_takes_one_over() {
    let mut present = present();
    let speaker = present.devices[0].0.id.clone();
    present.assignments.push(Assignment {
        device: speaker,
        place: page(2),
        holder: present.holders[1].id.clone(),
        user: "v".parse().unwrap(),
    });
    let rows = [
        assignment(2, MAC, "702", "page", "1"),
        assignment(3, MAC, "701", "page", "2"),
    ];
    assert_eq!(
        told(&planned(&rows, &present), &present),
        [
            "2 ~ page 1 of Hall speaker (00:22:EE:0A:0B:0C): extension \"701\">\"702\"",
            "3 ~ page 2 of Hall speaker (00:22:EE:0A:0B:0C): extension \"702\">\"701\"",
        ]
    );
}

#[test]
fn so_many_faults_are_kept_and_every_one_is_counted() {
    let rows: Vec<Row> = (2..)
        .take(FAULTS_MAX + 1)
        .map(|line| area(line, "x", "701*"))
        .collect();
    let plan = planned(&rows, &present());
    // The first has a name too short, the others stand there twice.
    assert_eq!(
        (plan.faults.kept.len(), plan.faults.count),
        (FAULTS_MAX, FAULTS_MAX + 1)
    );
    let plan = planned(&rows[..FAULTS_MAX], &present());
    assert_eq!(
        (plan.faults.kept.len(), plan.faults.count),
        (FAULTS_MAX, FAULTS_MAX)
    );
}
