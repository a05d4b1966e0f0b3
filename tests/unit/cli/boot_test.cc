#include "cli/boot/boot.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include "cli/boot/console.h"

namespace nestp::boot {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("addresses with their prefixes", "[cli][boot]") {
  const auto four = parse_address("10.0.0.2/24");
  REQUIRE(four);
  CHECK((four->family == AF_INET && four->prefix == 24 &&
         four->bytes == std::string("\x0a\0\0\x02", 4)));
  const auto six = parse_address("fd00::1");
  REQUIRE(six);
  CHECK((six->family == AF_INET6 && six->prefix == 128 && six->bytes.size() == 16));
  for (const char* const text :
       {"", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "fd00::1/129", "host/24", "10.0.0.1/x"})
    CHECK_FALSE(parse_address(text));
}

TEST_CASE("sh-nspawn wants all it knows, and nothing else", "[cli][boot]") {
  const Words whole{"-p", "/r", "-b", "br0", "-a", "10.0.0.2/24", "-r", "10.0.0.1"};
  CHECK(parse_sh_nspawn(whole));
  for (std::size_t i = 0; i < whole.size(); i += 2) {
    Words less = whole;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(i),
               less.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    CHECK_FALSE(parse_sh_nspawn(less));
  }
  Words more = whole;
  more.emplace_back("word");
  CHECK_FALSE(parse_sh_nspawn(more));
}

TEST_CASE("a system gets a name, an environment and its init", "[cli][boot]") {
  const auto line = parse(Words{"--init", "/bin/init", "/srv/machine//", "single"});
  REQUIRE(line);
  const Request request = to_request(*line);
  CHECK(request.isolation.hostname == "machine");
  CHECK(request.command == Words{"/bin/init", "single"});
  CHECK((request.isolation.pid && request.isolation.first_is_init && request.isolation.net));
  CHECK(request.environment.front().kind == EnvironmentChange::Kind::clear);
  CHECK_FALSE(parse(Words{}));
  CHECK_FALSE(parse(Words{"--hostname"}));
}

TEST_CASE("three times Ctrl-] within a second leave", "[cli][boot]") {
  int escapes = 0;
  long first = 0;
  CHECK_FALSE(leaves("\x1d\x1d", 100, escapes, first));
  CHECK(leaves("\x1d", 900, escapes, first));
  escapes = 0;
  CHECK_FALSE(leaves("\x1d\x1d", 100, escapes, first));
  CHECK_FALSE(leaves("\x1d", 1200, escapes, first));
  CHECK_FALSE(leaves("\x1dx\x1d", 1300, escapes, first));
  CHECK(leaves("ab\x1d\x1d\x1d", 5000, escapes, first));
}

}  // namespace
}  // namespace nestp::boot
