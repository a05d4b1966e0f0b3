#include "engine/namespace/id_map.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

TEST_CASE("ranges of /etc/subuid are found by name and by number", "[engine][id_map]") {
  const std::string text = "alice:100000:65536\nbob:200000:10\n1000:300000:5\nalice:bad:1\n";
  CHECK(parse_subordinate(text, "alice", 7) ==
        std::vector<IdRange>{{.inside = 0, .outside = 100000, .count = 65536}});
  CHECK(parse_subordinate(text, "carol", 1000) ==
        std::vector<IdRange>{{.inside = 0, .outside = 300000, .count = 5}});
  CHECK(parse_subordinate(text, "carol", 7).empty());
  CHECK(parse_subordinate("alice:1:0\n:2:3\n", "", 7).empty());
}

TEST_CASE("subordinate ids fill what one's own id leaves free", "[engine][id_map]") {
  const std::vector<IdRange> granted{{.inside = 0, .outside = 100000, .count = 2000}};
  CHECK(map_text(spread_ids(0, 1000, granted)) == "0 1000 1\n1 100000 2000\n");
  CHECK(map_text(spread_ids(1000, 1000, granted)) ==
        "1000 1000 1\n0 100000 1000\n1001 101000 1000\n");
  CHECK(map_text(spread_ids(5000, 1000, granted)) == "5000 1000 1\n0 100000 2000\n");
  CHECK(map_text(spread_ids(3, 9, {})) == "3 9 1\n");
}

}  // namespace
}  // namespace nestp
