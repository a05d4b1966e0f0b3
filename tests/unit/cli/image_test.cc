#include <catch2/catch.hpp>

#include "cli/image/sha256.h"
#include "cli/image/tree_writer.h"

namespace nestp {
namespace {

std::string sum_of(std::string_view text) {
  Sha256 sum;
  sum.add(text);
  return sum.finish();
}

TEST_CASE("checksums are those of FIPS 180-4", "[cli][image]") {
  CHECK(sum_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sum_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sum_of(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  for (const std::size_t cut : {1u, 55u, 56u, 63u, 64u, 65u, 119u}) {
    Sha256 parts;
    const std::string text(200, 'x');
    parts.add(std::string_view(text).substr(0, cut));
    parts.add(std::string_view(text).substr(cut));
    CHECK(parts.finish() == sum_of(text));
  }
}

TEST_CASE("names of an archive are relative and never lead up", "[cli][image]") {
  const auto clean = [](std::string_view name) {
    const auto result = clean_name(name);
    return result ? *result : "refused";
  };
  CHECK(clean("./a//b/./c/") == "a/b/c");
  CHECK(clean("/etc/passwd") == "etc/passwd");
  CHECK(clean(".").empty());
  CHECK(clean("").empty());
  CHECK(clean("...") == "...");
  CHECK(clean("..") == "refused");
  CHECK(clean("a/../b") == "refused");
  CHECK(clean("a/..") == "refused");
}

}  // namespace
}  // namespace nestp
