-- What fshunt 0.1.0 has written: a row in every table, in SQL that both databases read. Times are in UTC.

INSERT INTO alembic_version (version_num) VALUES ('0006');
INSERT INTO compatibility (id, oldest_code) VALUES (1, '0006');

INSERT INTO domains (id, name) VALUES (1, 'pbx.test'), (2, 'other.test');

INSERT INTO groups (id, domain_id, pilot, name, policy, rings, ring_seconds, voicemail, cycles, hunt_timeout, prefix,
    music, call_waiting, wrap_up_seconds, on_no_answer, on_busy, on_unreachable, enabled, auto_block, when_busy) VALUES
    (1, 1, '5000', 'Sales', 'circular', 3, NULL, '1009', 2, 90.0, 'Sales', NULL, false, 7.5, 'voicemail',
     'transfer:5001', 'hangup:NORMAL_TEMPORARY_FAILURE', true, 3, 'overflow'),
    (2, 1, '5001', 'Service', 'round-robin', NULL, 12.5, NULL, 1, 120.0, NULL, 'local_stream://moh', false, 0.0,
     'voicemail', 'voicemail', 'voicemail', true, NULL, 'queue'),
    (3, 2, '5000', 'Elsewhere', 'weighted', 4, NULL, NULL, 1, NULL, NULL, NULL, true, 0.0, 'voicemail', 'voicemail',
     'voicemail', false, NULL, 'overflow');

INSERT INTO members (id, group_id, position, extension, rings, ring_seconds, weight, confirm, enabled, idle_since,
    unanswered_in_a_row) VALUES
    (1, 1, 1, '1001', NULL, NULL, 1, false, true, '2026-03-01 12:00:00.000000', 2),
    (2, 1, 2, '1002', 5, NULL, 1, false, false, NULL, 0),
    (3, 1, 3, '+4930123@carrier', NULL, 20.0, 1, true, true, NULL, 0),
    (4, 2, 1, '1003', NULL, NULL, 1, false, true, '2026-03-01 12:00:01.250000', 0),
    (5, 2, 2, '1004', NULL, NULL, 1, false, true, NULL, 0),
    (6, 3, 1, '1001', NULL, NULL, 70, false, true, NULL, 0);

INSERT INTO blocks (domain_id, extension, since, reason) VALUES
    (1, '1001', '2026-03-01 11:00:00.000000', 'auto'),
    (1, '1004', '2026-03-01 11:30:00.000000', NULL);

INSERT INTO group_rotation (group_id, answerer_id, answerer_position, first_id, first_position, moves) VALUES
    (1, 1, 1, NULL, NULL, 1),
    (2, NULL, NULL, 5, 2, 1);
INSERT INTO rotation_moves (group_id, kind, call_uuid, number, before_id, before_position) VALUES
    (1, 'answerer', 'caller-1', 1, NULL, NULL),
    (2, 'first', 'caller-2', 1, 4, 1);

INSERT INTO calls (id, uuid, domain, pilot, group_name, policy, caller_number, caller_name, started_at, answered_at,
    ended_at, end_seen, result, reason, answered_by, destination, policy_input, node, run_id, waited_seconds) VALUES
    ('hunt-1', 'caller-1', 'pbx.test', '5000', 'Sales', 'circular', '4930456', 'Ada', '2026-03-01 12:00:00.000000',
     '2026-03-01 12:00:20.500000', '2026-03-01 12:01:00.000000', true, 'answered', NULL, '1001', NULL,
     '{"policy":"circular","members":[{"id":3,"extension":"+4930123@carrier"},{"id":1,"extension":"1001"}],"answerer":{"member_id":1,"position":1}}',
     'node-a', 'run-1', NULL),
    ('hunt-2', 'caller-2', 'pbx.test', '5001', 'Service', 'round-robin', NULL, NULL, '2026-03-01 12:02:00.000000', NULL,
     NULL, false, NULL, NULL, NULL, NULL,
     '{"policy":"round-robin","members":[{"id":4,"extension":"1003"},{"id":5,"extension":"1004"}],"first":{"member_id":5,"position":2}}',
     'node-a', 'run-1', NULL),
    ('hunt-3', 'caller-3', 'other.test', '5000', 'Elsewhere', 'weighted', '200', 'Bob', '2026-03-01 12:03:00.000000',
     NULL, '2026-03-01 12:03:30.000000', false, 'voicemail', 'nobody answered', NULL, 'voicemail:5000',
     '{"policy":"weighted","members":[{"id":6,"extension":"1001","weight":70}],"seed":42}', 'node-b', NULL, 12.5),
    ('hunt-4', 'caller-4', 'pbx.test', '5001', 'Service', 'round-robin', '300', NULL, '2026-03-01 12:01:30.000000',
     '2026-03-01 12:01:40.000000', NULL, false, 'answered', NULL, '1003', NULL, NULL, 'node-a', 'run-1', NULL);

INSERT INTO offers (id, call_id, stage, cycle, position, extension, phones, ring_seconds, started_at, ended_at, outcome,
    cause, sip_code, detail) VALUES
    ('offer-1', 'hunt-1', 1, 1, 1, '+4930123@carrier', 1, 20.0, '2026-03-01 12:00:00.100000',
     '2026-03-01 12:00:05.000000', 'busy', 'USER_BUSY', 486, NULL),
    ('offer-2', 'hunt-1', 2, 1, 1, '1001', 2, 18.0, '2026-03-01 12:00:05.100000', '2026-03-01 12:00:20.500000',
     'answered', NULL, NULL, NULL),
    ('offer-3', 'hunt-3', 1, 1, 1, '1001', 1, 24.0, '2026-03-01 12:03:00.100000', '2026-03-01 12:03:24.100000',
     'no-answer', 'ALLOTTED_TIMEOUT', NULL, 'rang to the end'),
    ('offer-4', 'hunt-4', 1, 1, 1, '1003', 1, 12.5, '2026-03-01 12:01:30.100000', '2026-03-01 12:01:40.000000',
     'answered', NULL, NULL, NULL);
INSERT INTO skips (id, call_id, stage, cycle, position, extension, reason, detail, at) VALUES
    ('skip-1', 'hunt-2', 1, 1, 1, '1004', 'blocked', NULL, '2026-03-01 12:02:00.100000'),
    ('skip-2', 'hunt-2', 2, 1, 1, '1003', 'claimed', NULL, '2026-03-01 12:02:00.200000');

INSERT INTO claims (domain, extension, call_uuid, hunt_id, run_id, sequence) VALUES
    ('pbx.test', '1003', 'caller-4', 'hunt-4', 'run-1', 5);
INSERT INTO queue_entries (hunt_id, extension, domain, group_id, call_uuid, run_id, ticket, since) VALUES
    ('hunt-2', '1003', 'pbx.test', 2, 'caller-2', 'run-1', 17, '2026-03-01 12:02:01.000000');
INSERT INTO daemons (run_id, node, started_at, heartbeat_at, counter, lost, status) VALUES
    ('run-1', 'node-a', '2026-03-01 08:00:00.000000', '2026-03-01 12:02:30.000000', 14550, false, '{"version":"0.1.0"}'),
    ('run-0', 'node-b', '2026-02-28 08:00:00.000000', '2026-03-01 07:00:00.000000', 82800, true, '{"version":"0.1.0"}');
INSERT INTO cluster (id, heartbeat_seconds, queue_heartbeats, talk_heartbeats, dead_heartbeats, tickets) VALUES
    (1, 2.0, 3, 5, 30, 17);
INSERT INTO announcements (id, domain, extension) VALUES (1, 'pbx.test', '1003');
