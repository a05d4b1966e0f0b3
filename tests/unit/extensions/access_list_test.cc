#include "extensions/identity/access_list.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace nestp::identity {
namespace {

struct Line {
  std::uint16_t tag, bits;
  std::uint32_t id = ~std::uint32_t{0};
};

std::string list_of(const std::vector<Line>& lines) {
  std::string list("\2\0\0\0", 4);
  for (const Line& line : lines)
    list.append(reinterpret_cast<const char*>(&line), sizeof line);
  return list;
}

TEST_CASE("a plain list is a mode", "[identity]") {
  const std::string list = list_of({{1, 6}, {4, 4}, {0x20, 0}});
  CHECK(mode_of_list(list) == 0640);
  CHECK(is_plain_list(list));
  CHECK(mode_of_list(with_owner_bits(list, 0700)) == 0740);
}

TEST_CASE("the mask stands for the group", "[identity]") {
  const std::string list = list_of({{1, 7}, {2, 6, 33}, {4, 7}, {0x10, 5}, {0x20, 1}});
  CHECK(mode_of_list(list) == 0751);
  CHECK_FALSE(is_plain_list(list));
}

TEST_CASE("a line for a user outranks his groups, and the mask both", "[identity]") {
  const std::string list =
      list_of({{1, 7}, {2, 4, 33}, {4, 7}, {8, 6, 90}, {8, 1, 91}, {0x10, 6}, {0x20, 1}});
  const auto bits = [&](Id user, Id user_group, unsigned wish) {
    return bits_by_list(list, Credentials::of(user, user_group, 40), 80, wish);
  };
  CHECK(bits(33, 80, 2) == 4);
  CHECK(bits(34, 80, 4) == 6);
  CHECK(bits(34, 90, 4) == 6);
  CHECK(bits(34, 91, 4) == 0);
  CHECK(bits(34, 91, 1) == 0);
  CHECK(bits(34, 92, 1) == 1);
}

TEST_CASE("what is no list has no mode", "[identity]") {
  const std::string list = list_of({{1, 6}, {4, 4}, {0x20, 0}});
  for (const std::string& wrong : {std::string(), list.substr(0, 4), list.substr(0, 13),
                                   list_of({{1, 6}, {4, 4}}), "\1" + list.substr(1)}) {
    CHECK_FALSE(mode_of_list(wrong).has_value());
    CHECK_FALSE(is_plain_list(wrong));
  }
}

}  // namespace
}  // namespace nestp::identity
