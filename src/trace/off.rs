//! The trace without the feature `tracing`: no bytes, no instructions.

use core::fmt;

use super::Direction;
use crate::{
    codec::Encode,
    error::Failure,
    frame::{FrameHeader, FrameKind, Input, ProtocolHeader},
    spec::performatives::Transfer,
    state::ConnectionState,
    types::Str,
};

#[derive(Debug)]
pub(crate) struct Trace;

#[allow(clippy::unused_self, reason = "the other trace uses it")]
impl Trace {
    #[inline(always)]
    pub(crate) const fn new(_side: &impl fmt::Debug, _container_id: &Str) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) const fn header(&self, _direction: Direction, _header: ProtocolHeader) {}

    #[inline(always)]
    pub(crate) fn sent(&mut self, _kind: FrameKind, _channel: u16, _body: &impl Encode) {}

    #[inline(always)]
    pub(crate) const fn sent_empty(&self) {}

    #[inline(always)]
    pub(crate) const fn sent_transfer(
        &self,
        _channel: u16,
        _transfer: &Transfer,
        _more: bool,
        _payload: usize,
    ) {
    }

    #[inline(always)]
    pub(crate) fn received(&mut self, _header: FrameHeader, _input: &mut impl Input) {}

    #[inline(always)]
    pub(crate) const fn received_frame(&mut self, _header: FrameHeader, _frame: &[u8]) {}

    #[inline(always)]
    pub(crate) const fn state(&self, _from: ConnectionState, _to: ConnectionState) {}

    #[inline(always)]
    pub(crate) const fn ended(&self, _failure: Option<&Failure>) {}
}
