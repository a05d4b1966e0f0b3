#include "engine/ptrace/exec/shebang.h"

#include <cerrno>
#include <string>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using namespace std::string_literals;

/// "[interpreter][argument]", or the errno's number, or "no script".
std::string parsed(const std::string& start) {
  const auto result = parse_shebang(start);
  if (!result) return std::to_string(result.error().code());
  if (!*result) return "no script";
  const Shebang& shebang = **result;
  return "[" + shebang.interpreter + "]" + (shebang.argument ? "[" + *shebang.argument + "]" : "");
}

const std::string kNoExec = std::to_string(ENOEXEC);
const std::string kNoAccess = std::to_string(EACCES);

// Each expectation was seen on Linux 6.18 with an interpreter that prints its arguments.

TEST_CASE("files that are no scripts", "[shebang]") {
  CHECK(parsed("") == "no script");
  CHECK(parsed("#") == "no script");
  CHECK(parsed(" #!/bin/sh\n") == "no script");
  CHECK(parsed("\x7f"
               "ELF") == "no script");
}

TEST_CASE("interpreter and argument", "[shebang]") {
  CHECK(parsed("#!/bin/sh\necho\n") == "[/bin/sh]");
  CHECK(parsed("#! \t/bin/sh \t\n") == "[/bin/sh]");
  CHECK(parsed("#! /bin/env \t x y \t\n") == "[/bin/env][x y]");
  CHECK(parsed("#!/bin/sh\r\n") == "[/bin/sh\r]");
  CHECK(parsed("#!sh\n") == "[sh]");
}

TEST_CASE("a file that ends before its line does", "[shebang]") {
  CHECK(parsed("#!/bin/sh") == "[/bin/sh]");
  CHECK(parsed("#!/bin/sh ") == "[/bin/sh][]");
  CHECK(parsed("#!/bin/sh x y  ") == "[/bin/sh][x y  ]");
}

TEST_CASE("a line that names nothing", "[shebang]") {
  CHECK(parsed("#!\n") == kNoExec);
  CHECK(parsed("#! \t\n") == kNoExec);
  CHECK(parsed("#!") == kNoAccess);
  CHECK(parsed("#!   ") == kNoAccess);
  CHECK(parsed("#!\0/bin/sh\n"s) == kNoAccess);
}

TEST_CASE("a NUL ends what it stands in", "[shebang]") {
  CHECK(parsed("#!/bin/sh\0x\n"s) == "[/bin/sh]");
  CHECK(parsed("#!/bin/sh \0x\n"s) == "[/bin/sh][]");
}

TEST_CASE("a line longer than the kernel's buffer", "[shebang]") {
  const std::string start = "#!/bin/sh ";
  const std::string cut_argument(255 - start.size(), 'a');
  CHECK(parsed(start + std::string(400, 'a')) == "[/bin/sh][" + cut_argument + "]");

  const std::string name = "/" + std::string(252, 'a');
  CHECK(parsed("#!" + name + "\n") == "[" + name + "]");
  CHECK(parsed("#!" + name + " ") == "[" + name + "]");
  CHECK(parsed("#!" + name + "a\n") == kNoExec);
  CHECK(parsed("#!" + name + "ab") == kNoExec);

  CHECK(parsed("#!" + std::string(252, ' ')) == kNoAccess);
  CHECK(parsed("#!" + std::string(253, ' ')) == kNoExec);
  CHECK(parsed("#!" + std::string(300, ' ')) == kNoExec);
}

TEST_CASE("trailing blanks at the buffer's end are trimmed", "[shebang]") {
  std::string line = "#!/bin/sh " + std::string(400, 'a');
  line[255] = '\n';
  line[254] = ' ';
  CHECK(parsed(line) == "[/bin/sh][" + std::string(244, 'a') + "]");
}

}  // namespace
}  // namespace nestp
