//! Links by name and direction (2.6.1).

use alloc::vec::Vec;

use crate::{link::Link, slab::Slab, spec::definitions::Role};

/// The handles of links in the order of their names. The links have the names, so that each is kept once; and a
/// handle has two bytes, so that making room among all that there can be moves 128 KiB.
#[derive(Debug, Default)]
pub(super) struct LinkNames(Vec<u16>);

impl LinkNames {
    fn place(&self, links: &Slab<Link>, name: &[u8], role: Role) -> Result<usize, usize> {
        let is_sender = role == Role::Sender;
        self.0.binary_search_by(|slot| {
            // Every link in here is there.
            let end = links.get(*slot).map(|link| &link.common);
            end.map(|end| (end.name_bytes(), end.role() == Role::Sender)).cmp(&Some((name, is_sender)))
        })
    }

    /// Our handle of the link of this name that we play this role on.
    pub(super) fn find(&self, links: &Slab<Link>, name: &[u8], role: Role) -> Option<u16> {
        let at = self.place(links, name, role).ok()?;
        self.0.get(at).copied()
    }

    /// Adds a link, which takes the place of an earlier one of its name.
    pub(super) fn insert(&mut self, links: &Slab<Link>, slot: u16) {
        let Some(end) = links.get(slot).map(|link| &link.common) else { return };
        match self.place(links, end.name_bytes(), end.role()) {
            Ok(at) => {
                if let Some(place) = self.0.get_mut(at) {
                    *place = slot;
                }
            }
            Err(at) => self.0.insert(at, slot),
        }
    }

    /// Removes a link that is still there, unless another has taken its place.
    pub(super) fn remove(&mut self, links: &Slab<Link>, slot: u16) {
        let Some(end) = links.get(slot).map(|link| &link.common) else { return };
        if let Ok(at) = self.place(links, end.name_bytes(), end.role())
            && self.0.get(at) == Some(&slot)
        {
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config,
        ids::{LinkId, LinkKey},
        link::{LinkCommon, LinkIdentity, LinkKind, ReceiverEndpoint, SenderEndpoint},
    };
    use alloc::{collections::BTreeMap, format, string::String};

    fn link(slot: u16, name: &str, role: Role) -> Link {
        let key = LinkKey { generation: 1, session: 0, handle: slot };
        let (id, kind) = match role {
            Role::Sender => (LinkId::from(key.sender()), LinkKind::Sender(SenderEndpoint::default())),
            Role::Receiver => {
                let receiver = ReceiverEndpoint::new(&config::LinkConfig::default(), 1);
                (LinkId::from(key.receiver()), LinkKind::Receiver(receiver))
            }
        };
        Link { common: LinkCommon::new(id, LinkIdentity::Name(name.into())), kind }
    }

    /// What a map from names to handles would say.
    #[test]
    fn links_are_found_by_name_and_direction() {
        let (mut links, mut names) = (Slab::default(), LinkNames::default());
        let mut model: BTreeMap<(String, bool), u16> = BTreeMap::new();
        let mut random = 88_172_645_463_325_252_u64;
        for _ in 0..5000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // LinkNames of which some begin with others, and come to be used again.
            let name = format!("{:b}", random % 64);
            let role = if random & (1 << 20) == 0 { Role::Sender } else { Role::Receiver };
            let key = (name.clone(), role == Role::Sender);
            assert_eq!(names.find(&links, name.as_bytes(), role), model.get(&key).copied());
            if random & (3 << 30) > 0 {
                let slot = links.lowest_free().unwrap();
                links.insert(link(slot, &name, role));
                names.insert(&links, slot);
                model.insert(key, slot);
            } else if let Some(slot) = links.numbers().find(|slot| links.get(*slot).is_some()) {
                // Of two links of a name only the later one is known by it.
                names.remove(&links, slot);
                links.remove(slot);
                model.retain(|_, known| *known != slot);
            }
        }
        assert!(model.len() > 64 && names.0.len() == model.len());
    }
}
