//! Lines on standard error that never hold up the program: a reader that stalls, or clients that cause many, cost lines.

use std::{
    io::{self, Write as _},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Lines that wait for a reader.
const WAITING: usize = 256;

/// Lines in a second. One more line has the number of those that were left out.
const RATE: u32 = 20;

/// The time that a program which ends has for the lines that wait.
const PATIENCE: Duration = Duration::from_millis(200);

/// The log, written by a thread of its own.
pub struct Log {
    lines: SyncSender<String>,
    /// Closed once all lines are written.
    written: Mutex<Receiver<()>>,
    left_out: Arc<AtomicU64>,
    /// The beginning of the second, and the lines in it.
    second: Mutex<(Instant, u32)>,
}

impl Log {
    pub fn new() -> Self {
        let (lines, to_write) = sync_channel::<String>(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&left_out);
        let (writing, written) = channel();
        thread::spawn(move || {
            let _writing: Sender<()> = writing;
            for line in to_write {
                let missing = missing.swap(0, Relaxed);
                let mut err = io::stderr().lock();
                if missing > 0 {
                    let _ = writeln!(err, "{missing} lines left out");
                }
                let _ = writeln!(err, "{line}");
            }
        });
        Self { lines, written: written.into(), left_out, second: (Instant::now(), 0).into() }
    }

    /// Writes a line, or leaves it out if there are too many.
    pub fn line(&self, line: String) {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 = second.1.saturating_add(1);
        if second.1 > RATE || self.lines.try_send(line).is_err() {
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// Writes a last line, if there is one, and waits for the lines that are left; but not for ever.
    #[allow(dead_code, reason = "some programs end by signals alone")]
    pub fn end(self, last: Option<String>) {
        let Self { lines, written, .. } = self;
        if let Some(last) = last {
            let _ = lines.try_send(last);
        }
        drop(lines);
        // Nothing is ever sent: the thread's end closes it.
        let _ = written.into_inner().unwrap_or_else(PoisonError::into_inner).recv_timeout(PATIENCE);
    }
}
