//! Instructions, counted by valgrind in a process of its own: once for some work and once for twice as much, so
//! that the difference is the work's alone.

use std::{
    env, io,
    process::{Child, Command, Stdio},
};

use crate::{measure::Cost, row::Row};

/// The approximate time that the counted work takes without valgrind, in nanoseconds.
const WORTH: f64 = 5e5;

/// The work of one side, in a process that was started to be counted.
#[derive(Clone, Debug)]
pub struct Task<'a> {
    pub work: &'a str,
    /// 0 for this engine, then the peers in their order.
    pub side: usize,
    /// The number of times the work is done to warm up.
    pub warm: u64,
    /// The number of times it is done after that.
    pub count: u64,
}

impl Task<'_> {
    /// Does it.
    pub fn run(&self, rows: Vec<Row>) {
        let row = rows.into_iter().find(|row| row.work == self.work).expect("a row of this name");
        let setup = match self.side.checked_sub(1) {
            None => row.ours,
            Some(at) => row.peers.into_iter().nth(at).expect("a peer of this number").setup,
        };
        let mut bench = setup();
        bench(self.warm);
        bench(self.count);
    }

    fn start(&self) -> io::Result<Child> {
        Command::new("valgrind")
            .args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"])
            .arg(env::current_exe()?)
            .args(["child", self.work])
            .args([self.side.to_string(), self.warm.to_string(), self.count.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
    }
}

/// Reads the total that cachegrind ends with: `I refs: 1,234`.
fn total(report: &str) -> Option<u64> {
    let line = report.lines().rev().find(|line| line.split_whitespace().any(|word| word == "refs:"))?;
    let digits: String = line.rsplit_once(':')?.1.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn counted(child: Child) -> Option<u64> {
    let output = child.wait_with_output().ok().filter(|output| output.status.success())?;
    total(&String::from_utf8_lossy(&output.stderr))
}

/// Returns the instructions for each time the work is done, or `None` if valgrind is missing or fails.
pub fn count(row: &Row, side: usize, cost: Cost) -> Option<u64> {
    let count = ((WORTH / cost.median) as u64).div_ceil(row.step).max(4) * row.step;
    let once = Task { work: &row.work, side, warm: count, count };
    let twice = Task { count: 2 * count, ..once.clone() };
    let (once, twice) = (once.start().ok()?, twice.start().ok()?);
    let (once, twice) = (counted(once), counted(twice));
    Some(twice?.saturating_sub(once?) / count)
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_is_read_off_the_last_line() {
        let report = "==1== Cachegrind\n==1== Command: ./peers child refs: 1 1 1\n==1== \n==1== I   refs:      12,345,678\n";
        assert_eq!(total(report), Some(12_345_678));
        assert_eq!(total("valgrind: no such file"), None);
    }
}
