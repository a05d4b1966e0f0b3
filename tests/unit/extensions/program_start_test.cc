#include "extensions/identity/program_start.h"

#include <string>
#include <sys/stat.h>

#include <catch2/catch.hpp>

namespace nestp::identity {
namespace {

constexpr unsigned kLast = 40;
constexpr std::uint64_t kAll = (std::uint64_t{2} << kLast) - 1;

ExecutedFile program(Id user, Id group, mode_t mode) {
  return {.owner = {.user = user, .group = group, .mode = S_IFREG | mode}, .capabilities = {}};
}

/// A value of security.capability with one set of 32 capabilities.
std::string value_of(std::uint32_t permitted, bool effective) {
  const std::uint32_t words[] = {0x02000000U | (effective ? 1U : 0U), permitted, 0, 0, 0};
  return {reinterpret_cast<const char*>(words), sizeof words};
}

TEST_CASE("an ordinary program changes nothing", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  CHECK_FALSE(start_program(who, program(0, 0, 0755), false));
  CHECK(who.user.effective == 33);
  CHECK(who.capabilities.permitted == 0);
}

TEST_CASE("a set-user-ID program of root makes root", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  CHECK(start_program(who, program(0, 0, 04755), false));
  CHECK(who.user.real == 33);
  CHECK(who.user.effective == 0);
  CHECK(who.user.saved == 0);
  CHECK(who.capabilities.effective == kAll);
}

TEST_CASE("set-group-ID without execution for the group is a mark for locks", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  CHECK_FALSE(start_program(who, program(0, 5, 02745), false));
  CHECK(who.group.effective == 34);
  CHECK(start_program(who, program(0, 5, 02755), false));
  CHECK(who.group.effective == 5);
}

TEST_CASE("no_new_privs holds set-ID bits and capabilities off", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  ExecutedFile file = program(0, 0, 06755);
  file.capabilities = FileCapabilities{.permitted = 1, .effective = true};
  CHECK_FALSE(start_program(who, file, true));
  CHECK(who.user.effective == 33);
  CHECK(who.capabilities.permitted == 0);
}

TEST_CASE("file capabilities are gained within the bounding set", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  who.capabilities.bounding = 1U << 13;
  ExecutedFile file = program(0, 0, 0755);
  file.capabilities = parse_file_capabilities(value_of(3U << 13, true));
  REQUIRE(file.capabilities.has_value());
  CHECK(start_program(who, file, false));
  CHECK(who.capabilities.effective == 1U << 13);
}

TEST_CASE("root loses nothing and is not marked secure", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  CHECK_FALSE(start_program(who, program(0, 0, 0755), false));
  CHECK(who.capabilities.effective == kAll);
}

TEST_CASE("a user who kept ambient capabilities passes them on", "[identity]") {
  Credentials who = Credentials::of(33, 34, kLast);
  who.capabilities.permitted = who.capabilities.inheritable = who.capabilities.ambient = 2;
  CHECK_FALSE(start_program(who, program(0, 0, 0755), false));
  CHECK(who.capabilities.effective == 2);
  CHECK(start_program(who, program(0, 0, 04755), false));
  CHECK(who.capabilities.ambient == 0);
}

TEST_CASE("values of another form are no capabilities", "[identity]") {
  CHECK_FALSE(parse_file_capabilities("").has_value());
  CHECK_FALSE(parse_file_capabilities(value_of(1, true).substr(0, 16)).has_value());
  CHECK_FALSE(parse_file_capabilities(std::string(20, '\x7f')).has_value());
}

}  // namespace
}  // namespace nestp::identity
