;; A whole component, which wants sockets.
(component (import "wasi:sockets/tcp@0.3.0" (instance)))
