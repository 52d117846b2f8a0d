//! How an extension comes into a slot: by the rules of the model, and with credentials of its own.

use model::Secret;
use model::directory::{DigestAlgorithm, Generation};
use model::inventory::{
    Account, AssignmentError, Device, DeviceType, Holder, HolderId, Line, LineId, LinePlace, check_assignment,
};

use crate::transaction::{Scope, StoreError};

/// Digits of a SIP user name, which says nothing of the extension.
const USER_DIGITS: u32 = 20;
/// Digits of an authorization id.
const AUTHORIZATION_DIGITS: u32 = 12;
/// The kind of the places that lines have while they change places, never past the end of a transaction.
const BETWEEN_PLACES: &str = "moving";

impl Scope<'_, '_> {
    /// Puts an extension in its place with a user name of its own and a password that the caller has drawn, unless a rule is
    /// against it.
    ///
    /// # Errors
    ///
    /// When the database fails, or the system gives no random numbers.
    pub async fn assign(
        &mut self,
        account: &Account,
        device: &Device,
        holder: &Holder,
        place: LinePlace,
        password: Secret,
    ) -> Result<Result<(), AssignmentError>, StoreError> {
        let on_device = self.held_lines_of_device(&device.id).await?;
        let of_holder = self.lines_of_holder(&holder.id).await?;
        if let Err(error) = self.may_stand(account, device, holder, place, &on_device, &of_holder) {
            return Ok(Err(error));
        }
        self.place(device, &holder.id, place, password).await.map(Ok)
    }

    /// Puts an extension in its place as [`Scope::assign`] does, for a caller who has seen that no rule is against it.
    ///
    /// # Errors
    ///
    /// When the place is taken, the database fails, or the system gives no random numbers.
    pub async fn place(
        &mut self,
        device: &Device,
        holder: &HolderId,
        place: LinePlace,
        password: Secret,
    ) -> Result<(), StoreError> {
        let line = drawn_line(device, holder, place, password)?;
        self.add_line(&line).await
    }

    /// Puts lines of a device in other places, each with the credentials it has, unless a rule is against it; then nothing is to be
    /// committed. Lines may change places with one another.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn move_lines(
        &mut self,
        account: &Account,
        device: &Device,
        moves: &[(LineId, LinePlace)],
    ) -> Result<Result<(), AssignmentError>, StoreError> {
        let (mut standing, mut moved) = (Vec::new(), Vec::new());
        for (line, holder) in self.held_lines_of_device(&device.id).await? {
            let to = moves.iter().find(|(id, _)| *id == line.id);
            match to.filter(|(_, place)| *place != line.place) {
                Some((_, place)) => {
                    let place = *place;
                    moved.push((Line { place, ..line }, holder));
                }
                None => standing.push((line, holder)),
            }
        }
        let moving: Vec<LineId> = moved.iter().map(|(line, _)| line.id.clone()).collect();
        for (line, holder) in moved.clone() {
            let mut of_holder = self.lines_of_holder(&holder.id).await?;
            of_holder.retain(|line| !moving.contains(&line.id));
            let placed = standing.iter().map(|(line, _)| line);
            let placed = placed.filter(|line| line.holder == holder.id && moving.contains(&line.id));
            of_holder.extend(placed.cloned());
            if let Err(error) = self.may_stand(account, device, &holder, line.place, &standing, &of_holder) {
                return Ok(Err(error));
            }
            standing.push((line, holder));
        }
        // By way of places that no line has, so that lines can change places with one another.
        for (id, port) in moving.iter().zip(0..) {
            self.put_line(id, BETWEEN_PLACES, port).await?;
        }
        for (line, _) in &moved {
            let port = i64::from(line.place.port());
            self.put_line(&line.id, line.place.kind(), port).await?;
        }
        if !moved.is_empty() {
            self.change_directory().await?;
        }
        Ok(Ok(()))
    }

    /// Changes where a line stands and nothing else of it: what refers to the line stays.
    async fn put_line(&mut self, id: &LineId, kind: &str, port: i64) -> Result<(), StoreError> {
        let values = [self.id(), id.as_str().into(), kind.into(), port.into()];
        let sql = "UPDATE line SET kind = $3, port = $4 WHERE account = $1 AND id = $2";
        self.transaction.execute(sql, &values).await?;
        Ok(())
    }

    fn may_stand(
        &self,
        account: &Account,
        device: &Device,
        holder: &Holder,
        place: LinePlace,
        on_device: &[(Line, Holder)],
        of_holder: &[Line],
    ) -> Result<(), AssignmentError> {
        let taken = |(line, holder): &(Line, Holder)| (line.place, holder.extension.to_string());
        let on_device: Vec<(LinePlace, String)> = on_device.iter().map(taken).collect();
        let of_holder: Vec<LinePlace> = of_holder.iter().map(|line| line.place).collect();
        let catalogue = self.transaction.catalogue();
        let model = device.model.as_deref().and_then(|model| catalogue.of_name(model));
        let device = (device, model);
        check_assignment(account, device, holder, place, &on_device, &of_holder)
    }
}

/// A line with a user name and an authorization id of its own.
pub(crate) fn drawn_line(
    device: &Device,
    holder: &HolderId,
    place: LinePlace,
    password: Secret,
) -> Result<Line, StoreError> {
    let damaged = StoreError::Damaged { table: "line" };
    let Ok(user) = digits(USER_DIGITS)?.parse() else {
        return Err(damaged);
    };
    let Ok(authorization_id) = digits(AUTHORIZATION_DIGITS)?.parse() else {
        return Err(damaged);
    };
    Ok(Line {
        id: LineId::from_random(bits()?),
        device: device.id.clone(),
        place,
        holder: holder.clone(),
        user,
        authorization_id,
        algorithm: algorithm_for(device.kind),
        generation: Generation(1),
        password,
    })
}

/// Other makers' devices fail as soon as they are challenged with what they do not know; all of them know MD5.
const fn algorithm_for(kind: DeviceType) -> DigestAlgorithm {
    match kind {
        DeviceType::Oyez => DigestAlgorithm::Sha256,
        DeviceType::Algo | DeviceType::Other => DigestAlgorithm::Md5,
    }
}

/// So many decimal digits, 20 at most.
fn digits(count: u32) -> Result<String, StoreError> {
    let width = usize::try_from(count).unwrap_or_default();
    let number = bits()? % 10_u128.pow(count);
    Ok(format!("{number:0width$}"))
}

fn bits() -> Result<u128, StoreError> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| StoreError::NoRandomness)?;
    Ok(u128::from_le_bytes(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_length_and_are_not_drawn_twice() {
        for count in [AUTHORIZATION_DIGITS, USER_DIGITS] {
            let name = digits(count).unwrap();
            assert_eq!(name.len(), usize::try_from(count).unwrap());
            assert_ne!(digits(count).unwrap(), name);
        }
    }
}
