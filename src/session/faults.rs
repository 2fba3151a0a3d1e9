//! The faults of a session's peer as errors. Their descriptions are built here, out of the way of frames without a fault.

use alloc::format;

use crate::{
    error::ProtocolError,
    ids::DeliveryId,
    link::Link,
    spec::definitions::{AmqpError, ErrorCondition},
    types::{DeliveryNumber, Handle, Quoted},
};

#[cold]
#[inline(never)]
pub(super) fn transfer_to_sender<T>(remote: Handle) -> Result<T, ProtocolError> {
    let why = format!("a transfer on handle {remote}, whose link has us as its sender (2.7.5)");
    Err(ProtocolError::session(ErrorCondition::NotAllowed, &why))
}

/// Returns the fault of a transfer that begins another delivery, or continues one that is complete.
#[cold]
#[inline(never)]
pub(super) fn interrupted(delivery: DeliveryId, found: Option<DeliveryNumber>) -> ProtocolError {
    let (due, found) = (delivery.number(), found.map_or(0, DeliveryNumber::get));
    let why = format!("a transfer of delivery-id {found} before delivery-id {due} is complete (2.7.5)");
    ProtocolError::link(ErrorCondition::InvalidField, &why)
}

#[cold]
#[inline(never)]
pub(super) fn without_number() -> ProtocolError {
    let why = "the first transfer of a delivery has no delivery-id (2.7.5)";
    ProtocolError::session(ErrorCondition::InvalidField, why)
}

#[cold]
#[inline(never)]
pub(super) fn out_of_order(found: DeliveryNumber, due: DeliveryNumber) -> ProtocolError {
    let why = format!("a delivery of delivery-id {found}, and {due} is the next (2.8.8)");
    ProtocolError::session(ErrorCondition::InvalidField, &why)
}

#[cold]
#[inline(never)]
pub(super) fn disposition_for_errant(
    first: DeliveryNumber,
    last: DeliveryNumber,
) -> Result<(), ProtocolError> {
    let why = format!("a disposition of delivery-ids {first} to {last}, for a link in error (2.6.5)");
    Err(ProtocolError::session(ErrorCondition::ErrantLink, &why))
}

#[cold]
#[inline(never)]
pub(super) fn reversed<T>(first: DeliveryNumber, last: DeliveryNumber) -> Result<T, ProtocolError> {
    let why = format!("a disposition whose last, {last}, is before its first, {first} (2.7.6)");
    Err(ProtocolError::session(ErrorCondition::NotAllowed, &why))
}

#[cold]
#[inline(never)]
pub(super) fn input_for_errant<T>(link: &Link) -> Result<T, ProtocolError> {
    let name = Quoted(link.common.identity.name());
    let why = format!("a frame for the link {name}, which is in error (2.6.5)");
    Err(ProtocolError::session(ErrorCondition::ErrantLink, &why))
}

#[cold]
#[inline(never)]
pub(super) fn unattached(remote: Handle) -> Result<u16, ProtocolError> {
    let why = format!("handle {remote} is not attached (2.8.17)");
    Err(ProtocolError::session(ErrorCondition::UnattachedHandle, &why))
}

#[cold]
#[inline(never)]
pub(super) fn too_many_unsettled(max: usize) -> Result<(), ProtocolError> {
    let why = format!("more deliveries are unsettled than max_unsettled or the memory allows: {max}");
    Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, &why))
}

#[cold]
#[inline(never)]
pub(super) fn too_much(max: usize) -> Result<(), ProtocolError> {
    let why =
        format!("the session holds more than max_held_bytes_per_session or its connection allows: {max}");
    Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, &why))
}

#[cold]
#[inline(never)]
pub(super) fn too_many_states(max: usize) -> Result<(), ProtocolError> {
    let why = format!("states take up more than their part of max_held_bytes_per_session: {max}");
    Err(ProtocolError::session(ErrorCondition::ResourceLimitExceeded, &why))
}

/// Adds the name of a link to the description of an error of ours that ends it.
#[cold]
#[inline(never)]
pub(super) fn name_link(error: &mut AmqpError, name: &[u8]) {
    if let Some(why) = &error.description {
        error.description = Some(format!("link {}: {why}", Quoted(name)).into());
    }
}
