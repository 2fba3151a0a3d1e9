//! Links by name and direction (2.6.1).

use alloc::vec::Vec;

use crate::{link::Link, places::Places, spec::definitions::Role};

/// The handles of links in the order of their names. The links have the names, so that each is kept once; and a
/// handle has two octets, so that making room among all that there can be moves 128 KiB.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<u16>);

impl Names {
    fn place(&self, links: &Places<Link>, name: &[u8], role: Role) -> Result<usize, usize> {
        let is_sender = role == Role::Sender;
        self.0.binary_search_by(|slot| {
            // Every link in here is there.
            let end = links.get(*slot).map(|link| &link.end);
            end.map(|end| (end.name_octets(), end.role() == Role::Sender)).cmp(&Some((name, is_sender)))
        })
    }

    /// Our handle of the link of this name that we play this role on.
    pub(super) fn find(&self, links: &Places<Link>, name: &[u8], role: Role) -> Option<u16> {
        let at = self.place(links, name, role).ok()?;
        self.0.get(at).copied()
    }

    /// Adds a link, which takes the place of an earlier one of its name.
    pub(super) fn insert(&mut self, links: &Places<Link>, slot: u16) {
        let Some(end) = links.get(slot).map(|link| &link.end) else { return };
        match self.place(links, end.name_octets(), end.role()) {
            Ok(at) => {
                if let Some(place) = self.0.get_mut(at) {
                    *place = slot;
                }
            }
            Err(at) => self.0.insert(at, slot),
        }
    }

    /// Removes a link that is still there, unless another has taken its place.
    pub(super) fn remove(&mut self, links: &Places<Link>, slot: u16) {
        let Some(end) = links.get(slot).map(|link| &link.end) else { return };
        if let Ok(at) = self.place(links, end.name_octets(), end.role())
            && self.0.get(at) == Some(&slot)
        {
            self.0.remove(at);
        }
    }
}
