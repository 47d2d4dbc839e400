//! Forms as no client should write them, and some as clients may.

use super::{GOOD, assert_memory_stayed_bounded, assert_still_works, refused, verdicts};
use crate::stack::{Stack, in_both_modes};
use crate::wire::{FILE_HEAD, Form, Wire};

in_both_modes!(
    odd_but_valid_forms_are_taken,
    broken_forms_are_named,
    forms_of_thousands_of_parts_end_early,
    lengths_that_lie_leave_no_job,
    a_body_in_chunks_of_any_size_is_one_form,
);

async fn answer_to(stack: &Stack, request: &[u8]) -> (u16, String) {
    let answer = Wire::open(stack).await.send(request).await;
    if answer.status == 202 {
        return (202, answer.json()["job_id"].as_str().unwrap().to_owned());
    }
    answer.problem()
}

async fn assert_taken(stack: &Stack, what: &str, form: &Form) {
    let (status, id) = answer_to(stack, &form.request()).await;
    assert_eq!(status, 202, "{what}: {id}");
    let found = verdicts(stack, &id).await;
    assert_eq!(found, [(1, "log".to_owned())].into(), "{what}");
}

async fn odd_but_valid_forms_are_taken(stack: Stack) {
    assert_taken(&stack, "plain", &Form::file(GOOD)).await;
    for length in [69, 70, 71, 200] {
        let form = Form::bounded_by(&"b".repeat(length), FILE_HEAD, GOOD);
        assert_taken(&stack, &format!("a boundary of {length} characters"), &form).await;
    }
    let form = Form::bounded_by("'()+_,-./:=?", FILE_HEAD, GOOD);
    assert_taken(&stack, "a boundary of all signs", &form).await;
    let mut form = Form::file(GOOD);
    form.body = [
        b"a preamble\r\nof two lines\r\n",
        &form.body[..],
        b"and an epilogue\r\n--XX\r\n",
    ]
    .concat();
    assert_taken(&stack, "preamble and epilogue", &form).await;
    let mut form = Form::file(GOOD);
    form.body.truncate(form.body.len() - 2);
    assert_taken(&stack, "no line end behind the last boundary", &form).await;
    let form = Form::file(&format!("{GOOD}\r\n--X\r\n\r\n--"));
    let (status, id) = answer_to(&stack, &form.request()).await;
    assert_eq!(status, 202, "what looks like a boundary: {id}");
    let found: Vec<_> = verdicts(&stack, &id).await.into_values().collect();
    assert_eq!(found, ["log", "invalid_json", "invalid_json"]);
}

async fn broken_forms_are_named(stack: Stack) {
    let malformed = refused(400, "malformed_multipart");
    let whole = Form::file(GOOD);
    for length in [0, 3, 20, whole.body.len() - 12, whole.body.len() - 5] {
        let mut form = whole.clone();
        form.body.truncate(length);
        assert_eq!(answer_to(&stack, &form.request()).await, malformed, "cut at {length}");
    }
    let mut line_feeds_only = whole.clone();
    line_feeds_only.body.retain(|byte| *byte != b'\r');
    assert_eq!(answer_to(&stack, &line_feeds_only.request()).await, malformed);
    let mut other_boundary = whole.clone();
    other_boundary.boundary = "YY".to_owned();
    assert_eq!(answer_to(&stack, &other_boundary.request()).await, malformed);
    let long_head = Form::of(&format!("{FILE_HEAD}\r\nX-Long: {}", "x".repeat(1 << 20)), GOOD);
    assert_eq!(answer_to(&stack, &long_head.request()).await, malformed);
    let many_heads = Form::of(&format!("{FILE_HEAD}{}", "\r\nX-Many: y".repeat(10_000)), GOOD);
    assert_eq!(answer_to(&stack, &many_heads.request()).await, malformed);
    for head in [
        "Content-Type: text/plain",
        "no header at all",
        "Content-Disposition: attachment",
        ":",
    ] {
        let (status, code) = answer_to(&stack, &Form::of(head, GOOD).request()).await;
        assert_eq!((status, &*code), (400, "malformed_multipart"), "{head}");
    }
    assert_memory_stayed_bounded(&stack);
    assert_still_works(&stack).await;
}

async fn forms_of_thousands_of_parts_end_early(stack: Stack) {
    let part = |head: &str, content: &str| format!("--XX\r\n{head}\r\n\r\n{content}\r\n");
    let option = part("Content-Disposition: form-data; name=\"kind\"", "logs");
    let stranger = part("Content-Disposition: form-data; name=\"other\"", "x");
    let file = part(FILE_HEAD, GOOD);
    for (repeated, code) in [
        (option, "invalid_field"),
        (stranger, "unknown_field"),
        (file, "too_many_files"),
    ] {
        let mut form = Form::file(GOOD);
        form.body = [repeated.repeat(5_000).as_bytes(), &form.body].concat();
        assert_eq!(answer_to(&stack, &form.request()).await, refused(400, code));
    }
    assert_eq!(stack.all("/api/v1/jobs").await.len(), 0);
    assert_memory_stayed_bounded(&stack);
    assert_still_works(&stack).await;
}

async fn lengths_that_lie_leave_no_job(stack: Stack) {
    let form = Form::file(GOOD);
    let with_length = |length: &str| [form.head(&format!("Content-Length: {length}")).as_bytes(), &form.body].concat();
    // Longer than what comes: the client has to hang up.
    let mut wire = Wire::open(&stack).await;
    let cut = Form {
        body: form.body[..form.body.len() - 8].to_vec(),
        ..form.clone()
    };
    wire.write(form.head("Content-Length: 100000").as_bytes()).await;
    wire.write(&cut.body).await;
    wire.end().await;
    if let Some(answer) = wire.answer().await {
        assert_eq!(answer.problem(), refused(400, "malformed_multipart"));
    }
    // Shorter: the form is cut off, and what follows is no request.
    let (status, code) = answer_to(&stack, &with_length(&(form.body.len() - 20).to_string())).await;
    assert_eq!((status, &*code), (400, "malformed_multipart"));
    for nonsense in ["-1", "1e3", "+5", "0x10", "99999999999999999999999", ""] {
        let answer = Wire::open(&stack).await.send(&with_length(nonsense)).await;
        assert_eq!(answer.status, 400, "{nonsense:?}: {answer:?}");
    }
    let huge = answer_to(&stack, &with_length("9999999999999")).await;
    assert_eq!(huge, refused(413, "file_too_large"));
    let twice = format!(
        "Content-Length: {0}\r\nContent-Length: {0}\r\nTransfer-Encoding: chunked",
        form.body.len()
    );
    let smuggled = Wire::open(&stack)
        .await
        .send(&[form.head(&twice).as_bytes(), &form.body].concat())
        .await;
    assert_eq!(smuggled.status, 400, "{smuggled:?}");
    assert_eq!(stack.all("/api/v1/jobs").await.len(), 0);
    assert_still_works(&stack).await;
}

async fn a_body_in_chunks_of_any_size_is_one_form(stack: Stack) {
    for size in [1, 7, 1_000] {
        let form = Form::file(GOOD);
        let mut request = form.head("Transfer-Encoding: chunked").into_bytes();
        for piece in form.body.chunks(size) {
            request.extend(format!("{:x};nonsense=\"1\"\r\n", piece.len()).as_bytes());
            request.extend([piece, b"\r\n"].concat());
        }
        request.extend(b"0\r\n\r\n");
        assert_eq!(answer_to(&stack, &request).await.0, 202, "chunks of {size}");
    }
    for size in ["zz", "ffffffffffffffffff", "-1"] {
        let form = Form::file(GOOD);
        let request = format!(
            "{}{size}\r\n{GOOD}\r\n0\r\n\r\n",
            form.head("Transfer-Encoding: chunked")
        );
        assert_eq!(
            answer_to(&stack, request.as_bytes()).await,
            refused(400, "malformed_multipart"),
            "{size}"
        );
    }
}
