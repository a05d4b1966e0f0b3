#include "fs/process_map.h"

#include <catch2/catch.hpp>

#include "fs/fd.h"
#include "fs/proc_escape.h"

namespace nestp {
namespace {

Binding bind(const std::string& host, const std::string& guest) {
  return {.host = *HostPath::parse(host), .guest = *GuestPath::parse(guest)};
}

constexpr AddressRange kGate[] = {{.begin = 0x7000, .end = 0x9000}};

std::string maps(ProcText format, const std::string& text, const std::string& root = "/") {
  const auto view = View::make({bind("/srv/root", "/"), bind("/a b", "/m")});
  return guest_maps(format, text, *view, *GuestPath::parse(root), kGate);
}

TEST_CASE("maps has guest names and no gate", "[fs][process_map]") {
  CHECK(maps(ProcText::maps,
             "1000-2000 r--p 00000000 fe:00 248030                     /srv/root/bin/sh\n"
             "7000-8000 r-xp 00000000 00:01 7                          /memfd:x (deleted)\n"
             "8000-9000 rw-p 00000000 00:00 0 \n"
             "9000-a000 rw-p 00000000 00:00 0                          [heap]\n"
             "a000-b000 r--p 00000000 fe:00 3                          /a b/c d (deleted)\n"
             "b000-c000 r--p 00000000 fe:00 4                          /elsewhere\n"
             "c000-d000 rw-p 00000000 00:00 0 \n") ==
        "1000-2000 r--p 00000000 fe:00 248030                     /bin/sh\n"
        "9000-a000 rw-p 00000000 00:00 0                          [heap]\n"
        "a000-b000 r--p 00000000 fe:00 3                          /m/c d (deleted)\n"
        "b000-c000 r--p 00000000 fe:00 4                          /elsewhere\n"
        "c000-d000 rw-p 00000000 00:00 0 \n");
}

TEST_CASE("a copy has the name of what it is a copy of", "[fs][process_map]") {
  CHECK(maps(ProcText::maps,
             "1000-2000 r-xp 00000000 00:01 7 /memfd:nestp:/srv/root/lib/a (deleted)\n"
             "2000-3000 r-xp 00000000 fe:00 8 "
             "/home/me/.cache/nestp/copies/0123456789abcdef:\\057srv\\057root\\057b\\134c\n"
             "3000-4000 r-xp 00000000 fe:00 8 "
             "/x/nestp/copies/0123456789abcdef:\\057srv\\057root\\057d "
             "(deleted)\n"
             "4000-5000 r-xp 00000000 fe:00 8 /x/nestp/copies/0123:\\057e\n") ==
        "1000-2000 r-xp 00000000 00:01 7 /lib/a\n2000-3000 r-xp 00000000 fe:00 8 /b\\c\n"
        "3000-4000 r-xp 00000000 fe:00 8 /d\n"
        "4000-5000 r-xp 00000000 fe:00 8 /x/nestp/copies/0123:\\057e\n");
}

TEST_CASE("names are relative to the thread's root", "[fs][process_map]") {
  CHECK(maps(ProcText::maps, "1000-2000 r--p 00000000 fe:00 2 /srv/root/x/lib\n", "/x") ==
        "1000-2000 r--p 00000000 fe:00 2 /lib\n");
  CHECK(maps(ProcText::maps, "1000-2000 r--p 00000000 fe:00 2 /srv/root/y/lib\n", "/x") ==
        "1000-2000 r--p 00000000 fe:00 2 /srv/root/y/lib\n");
}

TEST_CASE("what smaps tells of a hidden mapping is hidden", "[fs][process_map]") {
  CHECK(maps(ProcText::smaps,
             "7000-8000 r-xp 00000000 00:01 7 /memfd:x (deleted)\nSize: 4 kB\nAnonymous: 0 kB\n"
             "9000-a000 r-xp 00000000 00:01 7 /srv/root/a\nSize: 8 kB\nAnonymous: 0 kB\n") ==
        "9000-a000 r-xp 00000000 00:01 7 /a\nSize: 8 kB\nAnonymous: 0 kB\n");
}

TEST_CASE("numa_maps escapes its names", "[fs][process_map]") {
  CHECK(maps(ProcText::numa_maps,
             "1000 default file=/a\\040b/c mapped=3 N0=3\n7000 default anon=1\n9000 default\n") ==
        "1000 default file=/m/c mapped=3 N0=3\n9000 default\n");
}

TEST_CASE("the host's own maps pass through a view of everything", "[fs][process_map]") {
  const auto view = View::make({bind("/", "/")});
  const auto text = read_file("/proc/self/maps");
  REQUIRE(text);
  CHECK(guest_maps(ProcText::maps, *text, *view, GuestPath::root(), {}) == *text);
}

TEST_CASE("status tells nothing of the tracer", "[fs][process_map]") {
  CHECK(guest_status("Name:\tx\nTracerPid:\t77\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n",
                     {.no_new_privs = true, .seccomp_mode = 2, .seccomp_filters = 2}) ==
        "Name:\tx\nTracerPid:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n");
}

TEST_CASE("states of a process are those without nestp", "[fs][process_map]") {
  CHECK(guest_status("Name:\tx\nState:\tt (tracing stop)\nTgid:\t1\n", {.state = 'T'}) ==
        "Name:\tx\nState:\tT (stopped)\nTgid:\t1\n");
  CHECK(guest_status("State:\tS (sleeping)\n", {.state = 'R'}) == "State:\tS (sleeping)\n");
  CHECK(guest_status("State:\tt (tracing stop)\n", {}) == "State:\tt (tracing stop)\n");
  CHECK(guest_stat("7 (a) t ) t 1 2 3\n", 'R') == "7 (a) t ) R 1 2 3\n");
  CHECK_FALSE(guest_stat("7 (a) S 1 2 3\n", 'R'));
  CHECK_FALSE(guest_stat("7 (a) t 1 2 3\n", 0));
}

TEST_CASE("escaped names come back", "[fs][proc_escape]") {
  const std::string name = "/a b\tc\\d\n#e";
  CHECK(escape_name("/a b\\", kMountEscapes) == "/a\\040b\\134");
  CHECK(unescape_name(escape_name(name, kMountEscapes)) == name);
  CHECK(unescape_name("\\04") == "\\04");
  CHECK(unescape_name("a\\900") == "a\\900");
}

}  // namespace
}  // namespace nestp
