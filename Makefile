# SPDX-License-Identifier: MIT
# Short names for what the scripts and meson do; nothing is decided here.

all: # build the library into build/
	@tools/build.sh

demo: # build, and see what concurrent requests gain
	@tools/setup.sh demo
	@tools/demo.sh

test: # every test, as continuous integration runs them
	@tools/setup.sh test
	@/usr/bin/python3 tools/test.py

bench: # the benchmarks, against the peers
	@tools/setup.sh bench
	@/usr/bin/python3 bench/run.py

bench-python: # the Python face, against asyncio and uvloop
	@tools/setup.sh bench
	@/usr/bin/python3 python/bench/run.py

bench-http: # the same for HTTP
	@tools/setup.sh bench-http
	@/usr/bin/python3 bench/http/run.py

bench-web: # the same for databases and web applications
	@tools/setup.sh bench-web
	@/usr/bin/python3 bench/applications.py

install: all # below /usr/local
	@tools/install.sh

deb: # Debian packages, into build/deb/
	@tools/setup.sh deb
	@tools/deb.sh

clean: # remove what was built
	@rm -rf build

help: # show these lines
	@sed -n 's/^\([a-z-]*\):[^#]*# */make \1\t/p' Makefile

.PHONY: all demo test bench bench-python bench-http bench-web install deb clean help
