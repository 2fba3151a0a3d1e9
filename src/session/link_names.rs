//! The index of links by name and direction (2.6.1).

use alloc::vec::Vec;

use crate::{link::Link, slab::Slab, spec::definitions::Role};

/// The handles of links, sorted by name. The names are in the links, so each is stored once. An insertion moves at most
/// 128 KiB, since a handle takes two bytes.
#[derive(Debug, Default)]
pub(super) struct LinkNames(Vec<u16>);

impl LinkNames {
    fn position(&self, links: &Slab<Link>, name: &[u8], role: Role) -> Result<usize, usize> {
        let is_sender = role == Role::Sender;
        self.0.binary_search_by(|handle| {
            // Every handle in here has its link.
            let common = links.get(*handle).map(|link| &link.common);
            common
                .map(|common| (common.name_bytes(), common.role() == Role::Sender))
                .cmp(&Some((name, is_sender)))
        })
    }

    /// Returns our handle of the link with this name, on which we have this role.
    pub(super) fn find(&self, links: &Slab<Link>, name: &[u8], role: Role) -> Option<u16> {
        let at = self.position(links, name, role).ok()?;
        self.0.get(at).copied()
    }

    /// Adds a link, in place of an earlier one of its name.
    pub(super) fn insert(&mut self, links: &Slab<Link>, handle: u16) {
        let Some(common) = links.get(handle).map(|link| &link.common) else { return };
        match self.position(links, common.name_bytes(), common.role()) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    *entry = handle;
                }
            }
            Err(at) => self.0.insert(at, handle),
        }
    }

    /// Removes a link, which still exists, unless another has replaced it.
    pub(super) fn remove(&mut self, links: &Slab<Link>, handle: u16) {
        let Some(common) = links.get(handle).map(|link| &link.common) else { return };
        if let Ok(at) = self.position(links, common.name_bytes(), common.role())
            && self.0.get(at) == Some(&handle)
        {
            self.0.remove(at);
            if self.0.capacity() / 4 > self.0.len().max(16) {
                self.0.shrink_to(self.0.len().saturating_mul(2));
            }
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
    use alloc::{boxed::Box, collections::BTreeMap, format, string::String};

    fn link(handle: u16, name: &str, role: Role) -> Link {
        let key = LinkKey { generation: 1, session: 0, handle };
        let (id, kind) = match role {
            Role::Sender => (LinkId::from(key.sender()), LinkKind::Sender(SenderEndpoint::default())),
            Role::Receiver => {
                let receiver =
                    ReceiverEndpoint::new(&config::LinkConfig::default(), 1, &config::Tolerance::default());
                (LinkId::from(key.receiver()), LinkKind::Receiver(receiver))
            }
        };
        Link { common: LinkCommon::new(id, LinkIdentity::Name(name.into())), kind }
    }

    #[test]
    fn find_returns_what_a_map_from_names_would() {
        let (mut links, mut names) = (Slab::default(), LinkNames::default());
        let mut model: BTreeMap<(String, bool), u16> = BTreeMap::new();
        let mut random = 88_172_645_463_325_252_u64;
        for _ in 0..5000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Some names are prefixes of others, and names are used again.
            let name = format!("{:b}", random % 64);
            let role = if random & (1 << 20) == 0 { Role::Sender } else { Role::Receiver };
            let key = (name.clone(), role == Role::Sender);
            assert_eq!(names.find(&links, name.as_bytes(), role), model.get(&key).copied());
            if random & (3 << 30) > 0 {
                let handle = links.lowest_free().unwrap();
                links.insert(Box::new(link(handle, &name, role)));
                names.insert(&links, handle);
                model.insert(key, handle);
            } else if let Some(handle) = links.numbers().find(|handle| links.get(*handle).is_some()) {
                // Of two links with one name only the later is found by it.
                names.remove(&links, handle);
                links.remove(handle);
                model.retain(|_, known| *known != handle);
            }
        }
        assert!(model.len() > 64 && names.0.len() == model.len());
    }
}
