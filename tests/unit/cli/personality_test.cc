#include "cli/personality.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Words = std::vector<std::string>;

TEST_CASE("the name of the program selects the grammar", "[cli][personality]") {
  CHECK(personality_of(Words{"nestp"}).grammar == Grammar::nestp);
  CHECK(personality_of(Words{"/usr/bin/proot", "-r"}).grammar == Grammar::proot);
  CHECK(personality_of(Words{"proot", "proot"}).words == Words{"proot"});
  CHECK(personality_of(Words{"/proot/nestp", "ls"}).grammar == Grammar::nestp);
  CHECK(personality_of(Words{}).words.empty());
}

TEST_CASE("the first word selects it too, and is used up", "[cli][personality]") {
  const Personality personality = personality_of(Words{"nestp", "proot", "-r", "x"});
  CHECK(personality.grammar == Grammar::proot);
  CHECK(personality.words == Words{"-r", "x"});
  CHECK(personality_of(Words{"nestp", "-v", "proot"}).grammar == Grammar::nestp);
}

}  // namespace
}  // namespace nestp
