;; Looks for files, sockets, an environment and input, prints, and reads clocks and random numbers. Refuses with
;; 400, and one bit more for each thing that is not as it should be; exits where there is a User-Agent.
(module
  (import "sluice:policy/host@0.1.0" "now" (func $host-now (result i64)))
  (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.6" "initial-cwd" (func $cwd (param i32)))
  (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))
  (import "wasi:cli/stdin@0.2.6" "get-stdin" (func $stdin (result i32)))
  (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $timer (param i64) (result i32)))
  (import "wasi:clocks/wall-clock@0.2.6" "now" (func $wall (param i32)))
  (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
  (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.6" "[method]pollable.ready" (func $ready (param i32) (result i32)))
  (import "wasi:io/poll@0.2.6" "[resource-drop]pollable" (func $drop-timer (param i32)))
  (import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
  (import "wasi:io/streams@0.2.6" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.6" "[resource-drop]input-stream" (func $drop-input (param i32)))
  (import "wasi:io/streams@0.2.6" "[resource-drop]output-stream" (func $drop-output (param i32)))
  (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:random/random@0.2.3" "get-random-bytes" (func $random-bytes (param i64 i32)))
  (import "wasi:random/random@0.2.3" "get-random-u64" (func $random (result i64)))
  (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $socket (param i32 i32)))

  (memory (export "memory") 1)
  (data (i32.const 1024) "seen by nobody but the log\n")
  (global $heap (mut i32) (i32.const 4096))
  (global $wrong (mut i32) (i32.const 0))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "sluice:policy/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 16))
  (func (export "sluice:policy/lifecycle@0.1.0#self-test") (result i32) (i32.const 16))

  ;; Remembers the bit unless all is well.
  (func $expect (param $well i32) (param $bit i32)
    (if (i32.eqz (local.get $well))
      (then (global.set $wrong (i32.or (global.get $wrong) (local.get $bit))))))

  (func $input
    (local $stream i32)
    (local.set $stream (call $stdin))
    (call $read (local.get $stream) (i64.const 1) (i32.const 2048))
    ;; An error, and the stream is closed.
    (call $expect (i32.and (i32.load8_u (i32.const 2048)) (i32.load8_u (i32.const 2052))) (i32.const 1))
    (call $drop-input (local.get $stream)))

  (func $output
    (local $stream i32)
    (local.set $stream (call $stdout))
    (call $write (local.get $stream) (i32.const 1024) (i32.const 27) (i32.const 2048))
    (call $expect (i32.eqz (i32.load8_u (i32.const 2048))) (i32.const 2))
    (call $drop-output (local.get $stream)))

  ;; A timer of an hour is ready at once: nobody sleeps here.
  (func $timers
    (i32.store (i32.const 2064) (call $timer (i64.const 3600000000000)))
    (call $block (i32.load (i32.const 2064)))
    (call $expect (call $ready (i32.load (i32.const 2064))) (i32.const 4))
    (call $poll (i32.const 2064) (i32.const 1) (i32.const 2048))
    (call $expect (i32.eq (i32.load (i32.const 2052)) (i32.const 1)) (i32.const 4))
    (call $drop-timer (i32.load (i32.const 2064))))

  (func $clocks
    (local $earlier i64)
    (call $wall (i32.const 2048))
    (call $expect
      (i64.le_u (i64.sub (i64.div_u (call $host-now) (i64.const 1000)) (i64.load (i32.const 2048))) (i64.const 9))
      (i32.const 8))
    (local.set $earlier (call $monotonic))
    (call $expect (i64.gt_u (call $monotonic) (local.get $earlier)) (i32.const 8)))

  (func $chance
    (call $expect (i64.ne (call $random) (call $random)) (i32.const 16))
    (call $random-bytes (i64.const 8) (i32.const 2048))
    (call $expect (i32.eq (i32.load (i32.const 2052)) (i32.const 8)) (i32.const 16))
    (call $expect (i64.ne (i64.load (i32.load (i32.const 2048))) (i64.const 0)) (i32.const 16)))

  (func $surroundings
    (call $environment (i32.const 2048))
    (call $expect (i32.eqz (i32.load (i32.const 2052))) (i32.const 32))
    (call $cwd (i32.const 2048))
    (call $expect (i32.eqz (i32.load8_u (i32.const 2048))) (i32.const 32))
    (call $directories (i32.const 2048))
    (call $expect (i32.eqz (i32.load (i32.const 2052))) (i32.const 64))
    (call $socket (i32.const 0) (i32.const 2048))
    ;; An error, and it is access-denied.
    (call $expect (i32.and (i32.load8_u (i32.const 2048)) (i32.load8_u (i32.const 2052))) (i32.const 128)))

  (func (export "sluice:policy/auth@0.1.0#register") (param $request i32) (result i32)
    (global.set $wrong (i32.const 0))
    ;; The place of `user-agent` in the record: five strings come before it.
    (if (i32.load8_u offset=40 (local.get $request)) (then (call $exit (i32.const 1))))
    (call $input)
    (call $output)
    (call $timers)
    (call $clocks)
    (call $chance)
    (call $surroundings)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store8 (i32.const 20) (i32.const 2))
    (i32.store16 (i32.const 24) (i32.add (i32.const 400) (global.get $wrong)))
    (i32.store (i32.const 28) (i32.const 0))
    (i32.store (i32.const 32) (i32.const 0))
    (global.set $heap (i32.const 4096))
    (i32.const 16))
)
