#!/bin/bash
# Reads one request on standard input, writes the answer to standard output.
while IFS= read -r line && [ "$line" != $'\r' ]; do :; done
body='<h1>Hello from Bash</h1>'
printf 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s\n' $((${#body} + 1)) "$body"
