#include "cli/words.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Words = std::vector<std::string>;

Words cut(std::string_view text) {
  const auto words = split_words(text);
  return words ? *words : Words{"error: " + words.error().message};
}

TEST_CASE("words are cut as a shell cuts them, and nothing is expanded", "[cli][words]") {
  CHECK(cut("").empty());
  CHECK(cut("  --bind  /a\t/b \n") == Words{"--bind", "/a", "/b"});
  CHECK(cut(R"(--bind "/a b" '/c "d"' e\ f)") == Words{"--bind", "/a b", "/c \"d\"", "e f"});
  CHECK(cut(R"(x'' "" "a\"b\c" '\')") == Words{"x", "", "a\"b\\c", "\\"});
  CHECK(cut("$HOME *") == Words{"$HOME", "*"});
  CHECK(cut("a 'b").front().starts_with("error:"));
}

TEST_CASE("a shell gets back what was quoted for it", "[cli][words]") {
  CHECK(quoted_word("") == "''");
  CHECK(quoted_word("a'b") == "'a'\\''b'");
  CHECK(cut(quoted_word("it's $5; \"x\"\n")) == Words{"it's $5; \"x\"\n"});
}

TEST_CASE("operators and variables of the command stay the login shell's to read", "[cli][words]") {
  const Words words{"cd", "x", "&&", "echo", "$HOME", "a b", "it's", "", "c $d"};
  CHECK(joined_command(words, Joining::evaluated) ==
        R"(cd x && echo $HOME "a b" 'it'\''s' '' 'c $d')");
  CHECK(joined_command(Words{"a", "$b", "*"}, Joining::exact) == "'a' '$b' '*'");
}

}  // namespace
}  // namespace nestp
