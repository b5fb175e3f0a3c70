#!/bin/bash
# Answers each connection by a process of answer.sh.
exec socat "TCP-LISTEN:${PORT:-3000},fork,reuseaddr" EXEC:./answer.sh
