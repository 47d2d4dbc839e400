//! Packed files that are more, or less, than they say.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{GOOD, assert_memory_stayed_bounded, assert_still_works, refused, send, verdicts};
use crate::stack::{Stack, in_both_modes};

in_both_modes!(
    bombs_are_refused_early_and_in_bounded_memory,
    what_is_broken_or_mislabelled_is_named,
    members_in_a_row_are_one_file,
);

const MIB: usize = 1 << 20;

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut program = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, content) = (program.stdin.take().unwrap(), content.to_owned());
    let writing = std::thread::spawn(move || stdin.write_all(&content).unwrap());
    let packed = program.wait_with_output().unwrap().stdout;
    writing.join().unwrap();
    packed
}

/// A zstd frame written by hand: some text, then so many mebibytes of one letter, 8 repeated blocks for each.
fn zstd(text: &str, mebibytes: usize, window_bits: u8) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 << 10;
    let (raw, repeated, last) = (0, 1, 1);
    let block = |kind: u32, is_last: u32, size: u32| (size << 3 | kind << 1 | is_last).to_le_bytes()[..3].to_vec();
    // Magic number, a descriptor without size and checksum, the exponent of the window.
    let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0, (window_bits - 10) << 3];
    frame.extend(block(raw, 0, u32::try_from(text.len()).unwrap()));
    frame.extend(text.as_bytes());
    for _ in 0..mebibytes * MIB / BLOCK_BYTES as usize {
        frame.extend(block(repeated, 0, BLOCK_BYTES));
        frame.push(b'x');
    }
    frame.extend(block(raw, last, 0));
    frame
}

async fn bombs_are_refused_early_and_in_bounded_memory(stack: Stack) {
    // 5 GiB of zeros in 5 MiB: nothing that begins like an object.
    let zeros = gzip(&vec![0; 10 * MIB]).repeat(512);
    assert_eq!(send(&stack, "a.jsonl.gz", zeros).await, refused(400, "not_jsonl"));
    // 5 GiB of one letter behind an honest line, in 160 KiB.
    let letters = zstd(&format!("{GOOD}\n"), 5 * 1024, 23);
    assert_eq!(
        send(&stack, "a.jsonl.zst", letters).await,
        refused(413, "file_too_large")
    );
    // Windows of 16 MiB and of 2 TiB would have to be held in memory.
    for window_bits in [24, 31, 41] {
        let wide = zstd(GOOD, 1, window_bits);
        assert_eq!(
            send(&stack, "a.jsonl.zst", wide).await,
            refused(400, "malformed_compression"),
            "{window_bits}"
        );
    }
    assert_memory_stayed_bounded(&stack);
    assert_still_works(&stack).await;
}

async fn what_is_broken_or_mislabelled_is_named(stack: Stack) {
    let packed = gzip(GOOD.as_bytes());
    let malformed = refused(400, "malformed_compression");
    for length in [1, 9, 10, packed.len() / 2, packed.len() - 8, packed.len() - 1] {
        assert_eq!(
            send(&stack, "a.jsonl.gz", &packed[..length]).await,
            malformed,
            "{length} bytes"
        );
    }
    let mut wrong_sum = packed.clone();
    wrong_sum[packed.len() - 6] ^= 1;
    assert_eq!(send(&stack, "a.jsonl.gz", wrong_sum).await, malformed);
    assert_eq!(send(&stack, "a.jsonl.gz", GOOD).await, malformed, "plain text");
    assert_eq!(
        send(&stack, "a.jsonl.zst", &packed[..]).await,
        malformed,
        "the other packing"
    );
    assert_eq!(
        send(&stack, "a.jsonl.gz", [&packed[..], b"and more"].concat()).await,
        malformed
    );
    assert_eq!(
        send(&stack, "a.jsonl", &packed[..]).await,
        refused(400, "not_jsonl"),
        "gzip as plain text"
    );
    assert_eq!(send(&stack, "a.jsonl.gz", gzip(b"")).await, refused(400, "empty_file"));
    assert_eq!(send(&stack, "a.jsonl.gz", "").await, refused(400, "empty_file"));
    // Unpacked once only.
    assert_eq!(
        send(&stack, "a.jsonl.gz", gzip(&packed)).await,
        refused(400, "not_jsonl")
    );
}

async fn members_in_a_row_are_one_file(stack: Stack) {
    let (line, half, rest) = (format!("{GOOD}\n"), &GOOD[..9], &GOOD[9..]);
    let members = [&line, half, rest, "", "\nbroken\n", &line].map(|text| gzip(text.as_bytes()));
    let frames = [&line, half, rest, "", "\nbroken\n", &line].map(|text| zstd(text, 0, 10));
    for (name, packed) in [("a.jsonl.gz", members.concat()), ("a.jsonl.zst", frames.concat())] {
        let (status, id) = send(&stack, name, packed).await;
        assert_eq!(status, 202, "{id}");
        let found: Vec<_> = verdicts(&stack, &id).await.into_values().collect();
        assert_eq!(found, ["log", "log", "invalid_json", "log"]);
    }
}
