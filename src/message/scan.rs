//! One pass over a payload: which sections it has, in which order, and where.

use core::ops::Range;

use super::{
    MessageError, MessageErrorKind, MessageSettings, Section, SectionKind, cursor::Cursor, section::PLACES,
};

/// Where the sections of a message are. They follow each other without gaps, so their ends say it all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// For each place in the order of a message, where its sections end; where it has none, where the place
    /// before it ends.
    ends: [usize; PLACES],
    /// Which form the body has.
    pub(super) body: Option<SectionKind>,
    pub(super) count: u32,
}

impl Layout {
    /// Where the place's sections end.
    pub(super) fn end(&self, kind: SectionKind) -> usize {
        self.ends.get(kind.place()).copied().unwrap_or_default()
    }

    /// Where the place's sections begin, or would.
    pub(super) fn start(&self, kind: SectionKind) -> usize {
        let before = kind.place().checked_sub(1).and_then(|place| self.ends.get(place));
        before.copied().unwrap_or_default()
    }

    /// The octets of all sections of a kind.
    #[inline]
    pub(super) fn range(&self, kind: SectionKind) -> Option<Range<usize>> {
        if kind.is_body() && self.body != Some(kind) {
            return None;
        }
        let range = self.start(kind)..self.end(kind);
        (!range.is_empty()).then_some(range)
    }

    /// Whether a section may come here (3.2).
    #[inline]
    fn admit(&mut self, kind: SectionKind, last: Option<SectionKind>) -> Result<(), MessageErrorKind> {
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
        } else if self.end(kind) > 0 {
            return Err(MessageErrorKind::Duplicate(kind));
        }
        match last {
            Some(after) if after.place() >= kind.place() => {
                Err(MessageErrorKind::OutOfOrder { section: kind, after })
            }
            _ => Ok(()),
        }
    }
}

/// Goes over all sections; fails at the first octet that does not fit.
#[inline]
pub(super) fn scan(cursor: &mut Cursor<'_>, settings: &MessageSettings) -> Result<Layout, MessageError> {
    let mut layout = Layout::default();
    let mut last = None;
    while cursor.left() > 0 {
        let at = cursor.offset();
        if layout.count >= settings.sections {
            return Err(MessageErrorKind::TooManySections.at(at));
        }
        layout.count = layout.count.saturating_add(1);
        let kind = cursor.section_kind()?;
        layout.admit(kind, last).map_err(|error| error.at(at))?;
        cursor.section_value(kind)?;
        if let Some(end) = layout.ends.get_mut(kind.place()) {
            *end = cursor.offset();
        }
        last = Some(kind);
    }
    // 3.2: the body is one of three forms, so there is one.
    if layout.body.is_none() && settings.body_required {
        return Err(MessageErrorKind::NoBody.at(cursor.offset()));
    }
    layout.ends.iter_mut().fold(0, |before, end| {
        *end = before.max(*end);
        *end
    });
    Ok(layout)
}

/// The next section of a payload that has been scanned before.
pub(super) fn next_section(cursor: &mut Cursor<'_>) -> Option<Section> {
    let start = cursor.offset();
    let kind = cursor.section_kind().ok()?;
    let value = cursor.offset();
    cursor.section_value(kind).ok()?;
    Some(Section { kind, range: start..cursor.offset(), value: value..cursor.offset() })
}
