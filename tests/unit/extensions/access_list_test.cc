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
