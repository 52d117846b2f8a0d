//! Changes that follow from a seed, and what a store holds after so many of them.

use std::collections::BTreeMap;

use model::directory::{DigestAlgorithm, Generation, Urgency};
use model::inventory::{
    AuditEntry, CountryCode, Description, Device, DeviceType, DisplayName, GroupId, GroupMember, Holder,
    HolderId, HolderKind, Line, LineId, LinePlace, MacAddress, PageGroup, Pagers, TimeZone, Timestamp,
};
use model::{DeviceId, Secret, SlotPosition};
use store::Scope;

/// Numbers that follow from a seed: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ stream.wrapping_mul(0x9E6C_63D0_876A_3F6B))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of<T: Clone>(&mut self, these: &[T]) -> Option<T> {
        let count = u64::try_from(these.len()).unwrap();
        let index = if count == 0 { 0 } else { self.below(count) };
        these.get(usize::try_from(index).unwrap()).cloned()
    }
}

/// One change, which is one transaction.
pub(crate) struct Change {
    number: u64,
    what: What,
}

enum What {
    Hold(Holder),
    /// Everything of a room at once, across all tables.
    Furnish(Box<(Holder, Device, Line)>),
    Assign(Line),
    Unassign(LineId),
    Group(PageGroup),
}

impl Change {
    pub(crate) async fn write(&self, scope: &mut Scope<'_, '_>) {
        match &self.what {
            What::Hold(holder) => scope.add_holder(holder).await.unwrap(),
            What::Furnish(room) => {
                let (holder, device, line) = room.as_ref();
                scope.add_holder(holder).await.unwrap();
                scope.add_device(device).await.unwrap();
                scope.add_line(line).await.unwrap();
            }
            What::Assign(line) => scope.add_line(line).await.unwrap(),
            What::Unassign(id) => assert!(scope.remove_line(id).await.unwrap()),
            What::Group(group) => scope.add_group(group).await.unwrap(),
        }
        let entry = AuditEntry {
            at: Timestamp(self.number),
            by: "owner@example.com".to_owned(),
            action: "change".to_owned(),
            detail: self.number.to_string(),
        };
        scope.add_audit(&entry).await.unwrap();
    }
}

/// What an account holds.
pub(crate) struct State {
    random: Random,
    round: u64,
    changes: u64,
    epoch: u64,
    holders: Vec<Holder>,
    devices: Vec<Device>,
    lines: BTreeMap<LineId, Line>,
    groups: Vec<PageGroup>,
}

impl State {
    /// An account with nothing in it.
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        Self {
            random: Random::new(seed, round),
            round,
            changes: 0,
            epoch: 1,
            holders: Vec::new(),
            devices: Vec::new(),
            lines: BTreeMap::new(),
            groups: Vec::new(),
        }
    }

    /// Reads an account back.
    pub(crate) async fn read(scope: &mut Scope<'_, '_>) -> Self {
        let last = scope.audit(1).await.unwrap();
        let directory = scope.directory().await.unwrap().unwrap();
        let lines = scope.lines().await.unwrap();
        Self {
            changes: last.first().map_or(0, |entry| entry.detail.parse().unwrap()),
            epoch: directory.epoch.0,
            holders: scope.holders(None).await.unwrap(),
            devices: scope.devices().await.unwrap(),
            lines: lines.into_iter().map(|line| (line.id.clone(), line)).collect(),
            groups: scope.groups().await.unwrap(),
            ..Self::new(0, 0)
        }
    }

    /// How many changes have led here.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// Goes one change further, and says which.
    pub(crate) fn next_change(&mut self) -> Change {
        self.changes += 1;
        let what = match self.random.below(6) {
            0 => What::Hold(self.holder()),
            1 => self.unassignment(),
            2 => self.assignment(),
            3 => What::Group(self.group()),
            _ => self.room(),
        };
        // Once for all that one transaction changes.
        self.epoch += 1;
        match &what {
            What::Hold(holder) => self.holders.push(holder.clone()),
            What::Furnish(room) => {
                self.holders.push(room.0.clone());
                self.devices.push(room.1.clone());
                self.lines.insert(room.2.id.clone(), room.2.clone());
            }
            What::Assign(line) => {
                self.lines.insert(line.id.clone(), line.clone());
            }
            What::Unassign(id) => {
                self.lines.remove(id);
            }
            What::Group(group) => self.groups.push(group.clone()),
        }
        Change {
            number: self.changes,
            what,
        }
    }

    /// Nothing is missing, and nothing is there besides.
    pub(crate) fn assert_same(&self, found: &Self) {
        assert_eq!((found.changes, found.epoch), (self.changes, self.epoch));
        assert_eq!(by_id(&found.holders), by_id(&self.holders));
        let devices = |devices: &[Device]| -> BTreeMap<DeviceId, Device> {
            let pairs = devices.iter().map(|device| (device.id.clone(), device.clone()));
            pairs.collect()
        };
        assert_eq!(devices(&found.devices), devices(&self.devices));
        assert_eq!(found.lines, self.lines);
        let groups = |groups: &[PageGroup]| -> BTreeMap<GroupId, PageGroup> {
            let pairs = groups.iter().map(|group| (group.id.clone(), group.clone()));
            pairs.collect()
        };
        assert_eq!(groups(&found.groups), groups(&self.groups));
    }

    /// Bits that are this change's alone.
    fn bits(&self) -> u64 {
        self.round << 16 | self.changes
    }

    fn holder(&self) -> Holder {
        Holder {
            id: HolderId::from_random(self.bits().into()),
            kind: HolderKind::CommonArea,
            name: DisplayName::new(&format!("Room {}", self.changes)).unwrap(),
            extension: (1_000 + self.changes).to_string().parse().unwrap(),
            package: "basic".to_owned(),
            country: CountryCode::new("CA").unwrap(),
            time_zone: TimeZone::new("UTC").unwrap(),
            site: None,
        }
    }

    fn room(&self) -> What {
        let [.., a, b, c, d, e] = self.bits().to_be_bytes();
        let device = Device {
            id: DeviceId::from_random(self.bits().into()),
            name: DisplayName::new(&format!("Speaker {}", self.changes)).unwrap(),
            description: Description::new("").unwrap(),
            mac: MacAddress::new([2, a, b, c, d, e]),
            kind: DeviceType::Oyez,
            model: None,
            firmware: None,
            site: None,
            added_at: Timestamp(self.changes),
        };
        let holder = self.holder();
        let line = self.line(&device, &holder);
        What::Furnish(Box::new((holder, device, line)))
    }

    fn line(&self, device: &Device, holder: &Holder) -> Line {
        Line {
            id: LineId::from_random(self.bits().into()),
            device: device.id.clone(),
            place: LinePlace::Slot(SlotPosition::BASE_PAGE),
            holder: holder.id.clone(),
            user: format!("8{:012}", self.bits()).parse().unwrap(),
            authorization_id: format!("9{:012}", self.bits()).parse().unwrap(),
            algorithm: DigestAlgorithm::Sha256,
            generation: Generation(1),
            password: Secret::new(format!("password {}", self.bits())),
        }
    }

    /// Puts somebody's extension on a device that has none.
    fn assignment(&mut self) -> What {
        let is_free = |device: &&Device| !self.lines.values().any(|line| line.device == device.id);
        let free: Vec<Device> = self.devices.iter().filter(is_free).cloned().collect();
        let (device, holder) = (self.random.one_of(&free), self.random.one_of(&self.holders));
        match device.zip(holder) {
            Some((device, holder)) => What::Assign(self.line(&device, &holder)),
            None => self.room(),
        }
    }

    fn unassignment(&mut self) -> What {
        let lines: Vec<LineId> = self.lines.keys().cloned().collect();
        let line = self.random.one_of(&lines);
        line.map_or_else(|| self.room(), What::Unassign)
    }

    fn group(&mut self) -> PageGroup {
        let mut members = Vec::new();
        for _ in 0..3 {
            let holder = self.random.one_of(&self.holders).map(|holder| holder.id);
            members.extend(holder.map(GroupMember::Holder));
        }
        members.sort();
        members.dedup();
        PageGroup {
            id: GroupId::from_random(self.bits().into()),
            name: DisplayName::new("Everywhere").unwrap(),
            extension: (10_000 + self.changes).to_string().parse().unwrap(),
            urgency: Urgency::Normal,
            pagers: Pagers::Everybody,
            members,
        }
    }
}

fn by_id(holders: &[Holder]) -> BTreeMap<HolderId, Holder> {
    let pairs = holders.iter().map(|holder| (holder.id.clone(), holder.clone()));
    pairs.collect()
}
