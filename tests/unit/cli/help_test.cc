#include "cli/help.h"

#include <sstream>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

TEST_CASE("help fits 80 columns and names each shown option once", "[cli][help]") {
  for (const Grammar grammar : {Grammar::proot, Grammar::nestp}) {
    const std::string text = help_text(grammar);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= kHelpWidth);
      CHECK(!line.ends_with(' '));
    }
    for (const Option& option : option_table()) {
      const bool shown = option.group != Group::hidden;
      const std::string name = option.long_names[0].empty()
                                   ? std::string("  -") + option.short_names[0] + " "
                                   : "--" + std::string(option.long_names[0]);
      INFO(name);
      CHECK((text.find(name) != std::string::npos) == shown);
    }
  }
}

TEST_CASE("groups hold at most eight options, each with its help", "[cli][help]") {
  for (const Group group : kShownGroups) {
    std::size_t count = 0;
    for (const Option& option : option_table()) {
      if (option.group != group) continue;
      ++count;
      INFO(option.help);
      CHECK(option.help.size() <= 51);
      CHECK(!option.help.ends_with('.'));
      CHECK(option.long_help.ends_with('.'));
      CHECK((option.value == Value::none) == option.metavar.empty());
    }
    CHECK(count >= 1);
    CHECK(count <= 8);
    CHECK(help_text(Grammar::nestp).find("\n" + std::string(title_of(group)) + ":\n") !=
          std::string::npos);
  }
}

TEST_CASE("help begins with the usage of its grammar", "[cli][help]") {
  CHECK(
      help_text(Grammar::nestp).starts_with("Usage: nestp [OPTION]... [--] [COMMAND [ARG]...]\n"));
  CHECK(help_text(Grammar::proot).starts_with("Usage: proot [OPTION]... [COMMAND [ARG]...]\n"));
  CHECK(help_text(Grammar::nestp).find("  -r, --rootfs DIR           Use DIR as") !=
        std::string::npos);
}

TEST_CASE("help of one option shows all its forms", "[cli][help]") {
  const std::string bind = help_text(*find_option("-m"), Grammar::nestp);
  CHECK(bind.starts_with("-b HOST[:GUEST[!]], -m HOST[:GUEST[!]], --bind=HOST[:GUEST[!]],\n"));
  CHECK(bind.find("    HOST may be a directory") != std::string::npos);
  CHECK(help_text(*find_option("verbose"), Grammar::proot).starts_with("-v N, --verbose[=N]\n"));
}

TEST_CASE("wrapping keeps to its width", "[cli][help]") {
  CHECK(wrapped("aa bb cc", 2, 7) == "  aa bb\n  cc\n");
  CHECK(wrapped("a-word-too-long b", 1, 5) == " a-word-too-long\n b\n");
  CHECK(wrapped("", 4).empty());
}

TEST_CASE("each form can be generated, others are named", "[cli][help]") {
  for (const char* const form : {"man", "bash", "zsh", "fish"}) {
    const Result<std::string> text = generated_text(form);
    REQUIRE(text.ok());
    CHECK(text->find("unset") != std::string::npos);
    CHECK(text->find("generate") == std::string::npos);
  }
  const Result<std::string> other = generated_text("html");
  REQUIRE(!other.ok());
  CHECK(other.error().message == "option '--generate': 'html' is none of man, bash, zsh, fish");
}

TEST_CASE("the manual has no bare hyphen in an option's name", "[cli][help]") {
  const std::string text = manual_text();
  CHECK(text.starts_with(".TH NESTP 1 "));
  CHECK(text.find("\\fB\\-\\-kill\\-on\\-exit\\fR") != std::string::npos);
  CHECK(text.find("--bind") == std::string::npos);
}

}  // namespace
}  // namespace nestp
