//! HTTP at its edges: clients that are slow, old, hasty, or talk nonsense.

use super::{GOOD, assert_memory_stayed_bounded, assert_still_works, verdicts_of};
use crate::stack::{Stack, in_both_modes};
use crate::wire::{Form, Wire, get};

in_both_modes!(
    slow_clients_hold_up_nobody,
    old_and_hasty_clients_are_served,
    nonsense_is_answered_as_a_problem,
    absurd_heads_are_refused,
);

async fn slow_clients_hold_up_nobody(stack: Stack) {
    let request = Form::file(GOOD).request();
    let (early, rest) = request.split_at(request.len() - 60);
    let mut slow = Vec::new();
    for _ in 0..10 {
        let mut wire = Wire::open(&stack).await;
        wire.write(early).await;
        slow.push(wire);
    }
    for byte in &rest[..5] {
        for wire in &mut slow {
            wire.write(&[*byte]).await;
        }
        assert_eq!(
            verdicts_of(&stack, GOOD).await,
            ["log"],
            "the others are served meanwhile"
        );
    }
    for wire in &mut slow {
        wire.write(&rest[5..]).await;
        assert_eq!(wire.answer().await.unwrap().status, 202, "slowness alone is no fault");
    }
}

async fn old_and_hasty_clients_are_served(stack: Stack) {
    let mut wire = Wire::open(&stack).await;
    wire.write(b"GET /livez HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.answer().await.unwrap().status, 200);
    assert!(
        wire.answer().await.is_none(),
        "the connection is closed, as it was in those days"
    );

    let mut wire = Wire::open(&stack).await;
    wire.write(format!("{}{}{}", get("/livez"), get("/nowhere"), get("/api/v1/jobs")).as_bytes())
        .await;
    for status in [200, 404, 200] {
        assert_eq!(
            wire.answer().await.unwrap().status,
            status,
            "answers come in the order of the requests"
        );
    }

    let form = Form::file(GOOD);
    let mut wire = Wire::open(&stack).await;
    let head = form.head(&format!("Content-Length: {}\r\nExpect: 100-continue", form.body.len()));
    wire.write(head.as_bytes()).await;
    assert_eq!(wire.answer().await.unwrap().status, 100);
    wire.write(&form.body).await;
    wire.write(get("/livez").as_bytes()).await;
    assert_eq!(wire.answer().await.unwrap().status, 202);
    assert_eq!(
        wire.answer().await.unwrap().status,
        200,
        "the connection can be used again"
    );
}

async fn nonsense_is_answered_as_a_problem(stack: Stack) {
    let table = [
        ("/api/v1/jobs/%", 400, "invalid_job_id"),
        ("/api/v1/jobs/%zz", 400, "invalid_job_id"),
        ("/api/v1/jobs/%ff%fe", 400, "invalid_job_id"),
        ("/api/v1/jobs/%00", 400, "invalid_job_id"),
        ("/api/v1/jobs/..%2f..%2fetc%2fpasswd", 400, "invalid_job_id"),
        ("/api/v1/jobs/../../../etc/passwd", 404, "unknown_path"),
        ("/%2e%2e/%2e%2e/etc/passwd", 404, "unknown_path"),
        ("//livez", 404, "unknown_path"),
        ("/api/v1/jobs?limit=%", 400, "invalid_parameter"),
        ("/api/v1/jobs?limit=%ff", 400, "invalid_parameter"),
        ("/api/v1/jobs?%00=1", 400, "invalid_parameter"),
        ("/api/v1/jobs?limit=1&limit=2", 400, "invalid_parameter"),
        ("/api/v1/jobs?limit=99999999999999999999", 400, "invalid_parameter"),
        ("/api/v1/jobs?cursor=AAAA", 400, "invalid_parameter"),
        ("/api/v1/jobs?cursor=%00%ff", 400, "invalid_parameter"),
        (
            "/api/v1/logs?start=-999999999-01-01T00:00:00Z",
            400,
            "invalid_parameter",
        ),
        ("/api/v1/logs?q=%ff", 400, "invalid_parameter"),
        ("/ws/jobs/%00", 400, "invalid_job_id"),
    ];
    for (path, status, code) in table {
        let answer = Wire::open(&stack).await.send(get(path).as_bytes()).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{path}");
    }
    // What a database might stumble over, but people may look for.
    for query in ["q=%00", "q=%25%5f%5c", "q=%27%3b--", "service=%00", "q=%f0%9f%92%a9"] {
        let answer = Wire::open(&stack)
            .await
            .send(get(&format!("/api/v1/logs?{query}")).as_bytes())
            .await;
        assert!(matches!(answer.status, 200 | 400), "{query}: {answer:?}");
    }
    assert_still_works(&stack).await;
}

async fn absurd_heads_are_refused(stack: Stack) {
    let many: String = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let absurd = [
        format!(
            "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n",
            "x".repeat(1 << 20)
        ),
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(1 << 20)),
        "GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}not a request\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n folded: header\r\n\r\n".to_owned(),
        "GET\0/livez HTTP/1.1\r\n\r\n".to_owned(),
    ];
    for request in absurd {
        let mut wire = Wire::open(&stack).await;
        let shown = request.chars().take(60).collect::<String>();
        if let Some(answer) = wire.try_send(request.as_bytes()).await {
            assert!(
                matches!(answer.status, 400 | 413 | 414 | 431 | 505),
                "{shown}: {answer:?}"
            );
        }
    }
    assert_memory_stayed_bounded(&stack);
    assert_still_works(&stack).await;
}
