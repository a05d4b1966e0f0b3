#include "extensions/identity/credentials.h"

#include <cerrno>

#include <catch2/catch.hpp>

namespace nestp::identity {
namespace {

constexpr unsigned kLast = 40;
constexpr std::uint64_t kAll = (std::uint64_t{2} << kLast) - 1;

bool is(const IdSet& ids, Id real, Id effective, Id saved) {
  return ids.real == real && ids.effective == effective && ids.saved == saved &&
         ids.file_system == effective;
}

TEST_CASE("root has every capability and an ordinary user none", "[identity]") {
  CHECK(Credentials::of(0, 0, kLast).capabilities.effective == kAll);
  const Credentials user = Credentials::of(33, 33, kLast);
  CHECK(user.capabilities.permitted == 0);
  CHECK(user.capabilities.bounding == kAll);
}

TEST_CASE("root that becomes a user by setuid cannot come back", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  REQUIRE(who.set_user(33).ok());
  CHECK(is(who.user, 33, 33, 33));
  CHECK(who.capabilities.permitted == 0);
  CHECK(who.set_user(0).error() == Errno(EPERM));
  CHECK(who.set_user(kNoId).error() == Errno(EINVAL));
}

TEST_CASE("an effective id can be given up for a while", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  REQUIRE(who.set_all_users(kNoId, 33, kNoId).ok());
  CHECK(is(who.user, 0, 33, 0));
  CHECK(who.capabilities.effective == 0);
  CHECK(who.capabilities.permitted == kAll);
  CHECK(who.set_all_users(5, kNoId, kNoId).error() == Errno(EPERM));
  REQUIRE(who.set_user(0).ok());
  CHECK(who.capabilities.effective == kAll);
}

TEST_CASE("setreuid sets the saved id where it sets the real one", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  REQUIRE(who.set_real_user(33, 34).ok());
  CHECK(is(who.user, 33, 34, 34));
  REQUIRE(who.set_real_user(kNoId, 33).ok());
  CHECK(is(who.user, 33, 33, 34));
  CHECK(who.set_real_user(1, kNoId).error() == Errno(EPERM));
}

TEST_CASE("kept capabilities survive setuid but are not effective", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  who.secure_bits = kKeepCapabilities;
  REQUIRE(who.set_user(33).ok());
  CHECK(who.capabilities.permitted == kAll);
  CHECK(who.capabilities.effective == 0);
}

TEST_CASE("the file system id moves the capabilities on files", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  CHECK(who.set_file_system_user(33) == 0);
  CHECK_FALSE(who.has(Capability::override_access));
  CHECK(who.has(Capability::set_user));
  CHECK(who.set_file_system_user(kNoId) == 33);
  CHECK(who.set_file_system_user(0) == 33);
  CHECK(who.has(Capability::override_access));
}

TEST_CASE("groups are root's to set, and are sorted", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  REQUIRE(who.set_groups({9, 4}).ok());
  CHECK(who.groups == std::vector<Id>{4, 9});
  CHECK(who.is_in_group(9));
  CHECK_FALSE(who.is_in_group(5));
  REQUIRE(who.set_user(33).ok());
  CHECK(who.set_groups({}).error() == Errno(EPERM));
}

TEST_CASE("capabilities can only shrink", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  CapabilitySets less = who.capabilities;
  less.permitted = less.effective = 1;
  REQUIRE(who.set_capabilities(less).ok());
  CHECK(who.set_capabilities({.permitted = 3}).error() == Errno(EPERM));
  CHECK(who.set_capabilities({.permitted = 0, .effective = 1}).error() == Errno(EPERM));
  CHECK(who.set_groups({}).error() == Errno(EPERM));
}

TEST_CASE("ambient capabilities need both other sets", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  CHECK(who.raise_ambient(1).error() == Errno(EPERM));
  who.capabilities.inheritable = 1;
  REQUIRE(who.raise_ambient(1).ok());
  CapabilitySets without = who.capabilities;
  without.inheritable = 0;
  REQUIRE(who.set_capabilities(without).ok());
  CHECK(who.capabilities.ambient == 0);
}

TEST_CASE("a locked secure bit stays", "[identity]") {
  Credentials who = Credentials::of(0, 0, kLast);
  REQUIRE(who.set_secure_bits(kNoRoot | kNoRootLocked).ok());
  CHECK(who.set_secure_bits(0).error() == Errno(EPERM));
  CHECK(who.set_secure_bits(kNoRoot).error() == Errno(EPERM));
  CHECK(who.set_secure_bits(0x100).error() == Errno(EPERM));
}

}  // namespace
}  // namespace nestp::identity
