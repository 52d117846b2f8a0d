//! Page groups, who and what hears them, and who may page them.

use super::*;

fn group(line: u64, name: &str, extension: &str, more: &[(Column, &str)]) -> Row {
    let cells = [&[(Column::Name, name), (Column::Extension, extension)], more].concat();
    row(line, RecordKind::PageGroup, &cells)
}

fn member(line: u64, group: &str, of: &[(Column, &str)]) -> Row {
    let cells = [&[(Column::Group, group)], of].concat();
    row(line, RecordKind::GroupMember, &cells)
}

fn pager(line: u64, group: &str, extension: &str) -> Row {
    let cells = [(Column::Group, group), (Column::Extension, extension)];
    row(line, RecordKind::GroupPager, &cells)
}

#[test]
fn groups_are_added_changed_and_given_members_by_whatever_the_file_has() {
    let present = present();
    let rows = [
        member(2, "800", &[(Column::Extension, "703")]),
        pager(3, "800", "703"),
        group(
            4,
            "Roofs",
            "800",
            &[(Column::Urgency, "priority"), (Column::Pagers, "Named")],
        ),
        group(5, "Everybody", "700", &[]),
        member(6, "700", &[(Column::Extension, "701")]),
        member(7, "700", &[(Column::Mac, MAC)]),
        member(
            8,
            "700",
            &[
                (Column::Mac, "0022EE0A0B0D"),
                (Column::Slot, "page"),
                (Column::Port, "2"),
            ],
        ),
        member(9, "700", &[(Column::Site, "North"), (Column::Mac, " ")]),
        pager(10, "700", "701"),
        area(11, "Roof", "703"),
        equipment(12, "Roof speaker", "0022ee0a0b0d", "algo"),
    ];
    let plan = planned(&rows, &present);
    let told = told(&plan, &present);
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(
        told[..2],
        [
            "4 + Roofs (800): name \"\">\"Roofs\", extension \"\">\"800\", urgency \"\">\"priority\", pagers \"\">\"named\"",
            "5 ~ Everywhere (700): name \"Everywhere\">\"Everybody\"",
        ]
    );
    assert_eq!(
        told[4..],
        [
            "2 + Roof (703) in Roofs (800): ",
            "3 + Roof (703) may page Roofs (800): ",
            "7 + Hall speaker (00:22:EE:0A:0B:0C) in Everybody (700): ",
            "8 + page 2 of Roof speaker (00:22:EE:0A:0B:0D) in Everybody (700): ",
            "9 + All of North in Everybody (700): ",
        ]
    );
    assert_eq!(plan.unchanged[&RecordKind::GroupMember], 1);
    assert_eq!(plan.unchanged[&RecordKind::GroupPager], 1);
}

#[test]
fn who_may_page_is_forgotten_where_everybody_may() {
    let present = present();
    let plan = planned(
        &[group(2, "Everywhere", "700", &[(Column::Pagers, "everybody")])],
        &present,
    );
    let Change::ChangeGroup { before, after } = &plan.steps[0].change else {
        panic!("a group is changed");
    };
    assert_eq!(after.pagers, Pagers::Everybody);
    assert_eq!(after.members, before.members);
}

#[test]
fn each_wrong_cell_of_a_group_is_told_with_what_would_be_right() {
    told_rightly([
        (
            vec![group(2, "Everything", "701", &[])],
            "line 2, extension: 701 is Hall's; choose another",
        ),
        (
            vec![group(2, "Ev", "700", &[])],
            "line 2, name: the display name must have 3 to 255",
        ),
        (
            vec![group(2, "Roofs", "800", &[(Column::Urgency, "prioritty")])],
            "line 2, urgency: \"prioritty\" is not known; is it priority?",
        ),
        (
            vec![group(2, "Roofs", "800", &[(Column::Pagers, "ann")])],
            "line 2, pagers: \"ann\" is not known; write everybody, named, portal",
        ),
        (
            vec![group(2, "Roofs", "800", &[]), area(3, "Roof", "800")],
            "line 3, extension: 800 stands already in line 2",
        ),
        (
            vec![
                group(2, "Roofs", "800", &[]),
                assignment(3, MAC, "800", "page", "2"),
            ],
            "line 3, extension: 800 is the page group Roofs; write the extension of a user or common area",
        ),
        (
            vec![pager(2, "700", "799")],
            "line 2, extension: no user or common area has 799",
        ),
        (
            vec![
                group(2, "Everywhere", "700", &[(Column::Pagers, "portal")]),
                pager(3, "700", "702"),
            ],
            "line 3, group: who may page Everywhere is portal; write named",
        ),
    ]);
}

#[test]
fn each_wrong_cell_of_a_member_is_told_with_what_would_be_right() {
    told_rightly([
        (
            vec![member(2, "799", &[(Column::Extension, "701")])],
            "line 2, group: there is no page group 799; add it",
        ),
        (
            vec![member(2, "702", &[(Column::Extension, "701")])],
            "line 2, group: 702 is Gate's; write the extension of a page group",
        ),
        (
            vec![member(2, "700", &[(Column::Extension, " ")])],
            "line 2, extension: a member is a user or common area, a device",
        ),
        (
            vec![member(
                2,
                "700",
                &[(Column::Extension, "702"), (Column::Site, "North")],
            )],
            "line 2, site: a row names one member, and extension names another",
        ),
        (
            vec![member(
                2,
                "700",
                &[(Column::Extension, "702"), (Column::Port, "2")],
            )],
            "line 2, port: only a device has slots",
        ),
        (
            vec![member(2, "700", &[(Column::Mac, MAC), (Column::Slot, "page")])],
            "line 2, port: write the port",
        ),
        (
            vec![member(2, "700", &[(Column::Mac, MAC), (Column::Port, "1")])],
            "line 2, slot: write page",
        ),
        (
            vec![member(
                2,
                "700",
                &[(Column::Mac, MAC), (Column::Slot, "ring"), (Column::Port, "1")],
            )],
            "line 2, slot: only page slots hear a group",
        ),
        (
            vec![member(
                2,
                "700",
                &[(Column::Mac, MAC), (Column::Slot, "page"), (Column::Port, "52")],
            )],
            "line 2, port: page has the ports 1 to 51",
        ),
        (
            vec![member(2, "700", &[(Column::Site, "Nort")])],
            "line 2, site: there is no site \"Nort\"; is it North?",
        ),
        (
            vec![
                member(2, "700", &[(Column::Extension, "702")]),
                member(3, "700", &[(Column::Extension, "702")]),
            ],
            "line 3, group: stands already in line 2",
        ),
    ]);
}

#[test]
fn a_group_takes_as_many_members_and_pagers_as_it_may_name_and_none_more() {
    let mut present = present();
    let areas = PageGroup::MEMBERS_MAX + 1;
    let numbers: Vec<String> = (0..areas).map(|number| (10_000 + number).to_string()).collect();
    present.holders.extend(
        numbers
            .iter()
            .zip(10_u128..)
            .map(|(extension, id)| holder(id, HolderKind::CommonArea, "Room", extension)),
    );
    let new = group(2, "All rooms", "800", &[(Column::Pagers, "named")]);
    let members = |count: usize| {
        let members = numbers.iter().take(count);
        let members = members.map(|extension| member(3, "800", &[(Column::Extension, extension)]));
        std::iter::once(new.clone()).chain(members).collect::<Vec<_>>()
    };
    let pagers = |count: usize| {
        let pagers = numbers.iter().take(count);
        let pagers = pagers.map(|extension| pager(3, "800", extension));
        std::iter::once(new.clone()).chain(pagers).collect::<Vec<_>>()
    };
    for (rows, steps) in [
        (members(PageGroup::MEMBERS_MAX), PageGroup::MEMBERS_MAX + 1),
        (pagers(PageGroup::PAGERS_MAX), PageGroup::PAGERS_MAX + 1),
    ] {
        assert_eq!(planned(&rows, &present).steps.len(), steps);
    }
    for rows in [
        members(PageGroup::MEMBERS_MAX + 1),
        pagers(PageGroup::PAGERS_MAX + 1),
    ] {
        let faults = planned(&rows, &present).faults;
        assert_eq!((faults.count, faults.kept[0].column.as_str()), (1, "group"));
    }
}
