//! One pass over a payload, which finds its sections and checks their order (3.2).

use core::ops::Range;

use super::{
    MessageError, MessageErrorKind, ParseOptions, Section, SectionKind, cursor::Cursor, section::POSITIONS,
};
use crate::codec::{
    format_code,
    skip::{Source as _, skip_body},
};

/// The positions of a message's sections. They follow each other without gaps, so their ends suffice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// The end of the sections at each position in the order of a message (3.2), or 0 if there are none.
    ends: [usize; POSITIONS],
    /// The form of the body.
    pub(super) body: Option<SectionKind>,
    pub(super) count: u32,
}

impl Layout {
    /// Returns the end of the sections at the kind's position, or of those before it if there are none.
    #[inline]
    pub(super) fn end(&self, kind: SectionKind) -> usize {
        self.end_of(self.ends.get(..=kind.position()))
    }

    /// Returns the start of the sections at the kind's position, or the end of those before it if there are none.
    #[inline]
    pub(super) fn start(&self, kind: SectionKind) -> usize {
        self.end_of(self.ends.get(..kind.position()))
    }

    #[inline]
    fn end_of(&self, ends: Option<&[usize]>) -> usize {
        ends.unwrap_or(&self.ends).iter().rev().find(|end| **end > 0).copied().unwrap_or_default()
    }

    fn has(&self, kind: SectionKind) -> bool {
        self.ends.get(kind.position()).is_some_and(|end| *end > 0)
    }

    /// Returns the range of all sections of a kind.
    #[inline]
    pub(super) fn range(&self, kind: SectionKind) -> Option<Range<usize>> {
        if kind.is_body() && self.body != Some(kind) {
            return None;
        }
        let end = *self.ends.get(kind.position())?;
        (end > 0).then(|| self.start(kind)..end)
    }

    /// Stores the end of a section.
    #[inline]
    pub(super) fn end_at(&mut self, kind: SectionKind, offset: usize) {
        if let Some(end) = self.ends.get_mut(kind.position()) {
            *end = offset;
        }
    }

    /// Checks that a section may follow the last one (3.2).
    #[inline]
    pub(super) fn admit(
        &mut self,
        kind: SectionKind,
        last: Option<SectionKind>,
    ) -> Result<(), MessageErrorKind> {
        if kind.is_body() {
            match self.body {
                None => self.body = Some(kind),
                Some(body) if body != kind => {
                    return Err(MessageErrorKind::MixedBody { body, section: kind });
                }
                Some(_) if kind.is_repeatable() && last == Some(kind) => return Ok(()),
                Some(_) if !kind.is_repeatable() => return Err(MessageErrorKind::Duplicate(kind)),
                Some(_) => {}
            }
        } else if self.has(kind) {
            return Err(MessageErrorKind::Duplicate(kind));
        }
        match last {
            Some(after) if after.position() >= kind.position() => {
                Err(MessageErrorKind::OutOfOrder { section: kind, after })
            }
            _ => Ok(()),
        }
    }
}

/// Finds the sections of a contiguous payload if each has a short descriptor and occurs once, as nearly every sender
/// writes them. Otherwise returns false, and [`scan`] finds the sections or the error. Saves about 300 of the 1,600
/// instructions that a typical message takes.
#[inline]
pub(super) fn scan_typical(bytes: &[u8], options: &ParseOptions, layout: &mut Layout) -> bool {
    let mut rest = bytes;
    // The lowest position that the next section may have.
    let mut min = 0;
    while let [format_code::DESCRIBED, format_code::SMALLULONG, number, code, value @ ..] = rest {
        let Some(kind) = SectionKind::from_code(u64::from(*number)) else { return false };
        let position = kind.position();
        // 3.2: in this order, and one form of the body.
        if position < min || !kind.holds(*code) {
            return false;
        }
        rest = value;
        if skip_body(*code, &mut rest).is_err() {
            return false;
        }
        if let Some(end) = layout.ends.get_mut(position) {
            // `rest` is a part of `bytes`, so this does not wrap.
            *end = bytes.len().wrapping_sub(rest.len());
        }
        min = position.wrapping_add(1);
        // The positions ascend, so there are at most as many sections as positions.
        layout.count = layout.count.wrapping_add(1);
        if kind.is_body() {
            layout.body = Some(kind);
        }
    }
    rest.is_empty()
        && layout.count <= options.max_sections
        && (layout.body.is_some() || !options.body_required)
}

/// Finds all sections, or returns the first error.
#[cold]
pub(super) fn scan(cursor: &mut Cursor<'_>, options: &ParseOptions) -> Result<Layout, MessageError> {
    let mut layout = Layout::default();
    let mut last = None;
    while cursor.left() > 0 {
        let at = cursor.offset();
        if layout.count >= options.max_sections {
            return Err(MessageErrorKind::TooManySections.at(at));
        }
        layout.count = layout.count.saturating_add(1);
        let kind = cursor.section_kind()?;
        layout.admit(kind, last).map_err(|error| error.at(at))?;
        cursor.section_value(kind)?;
        layout.end_at(kind, cursor.offset());
        last = Some(kind);
    }
    // 3.2: the body is one of three forms, so there is one.
    if layout.body.is_none() && options.body_required {
        return Err(MessageErrorKind::NoBody.at(cursor.offset()));
    }
    Ok(layout)
}

/// Returns the next section of a payload that has been scanned.
pub(super) fn next_section(cursor: &mut Cursor<'_>) -> Option<Section> {
    let start = cursor.offset();
    let kind = cursor.section_kind().ok()?;
    let value = cursor.offset();
    cursor.section_value(kind).ok()?;
    Some(Section { kind, range: start..cursor.offset(), value: value..cursor.offset() })
}
