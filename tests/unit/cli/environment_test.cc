#include <catch2/catch.hpp>

#include "cli/environment/desktop.h"
#include "cli/environment/settings.h"
#include "cli/environment/sources.h"
#include "cli/environment/store.h"
#include "cli/environment/words.h"
#include "cli/image/credentials.h"
#include "cli/image/json.h"
#include "cli/image/oci.h"
#include "cli/image/registry.h"

namespace nestp {
namespace {

using Words = std::vector<std::string>;
using environment::Settings;

TEST_CASE("settings survive being written and read", "[cli][environment]") {
  const Settings settings{.source = "debian:12",
                          .backend = "ptrace",
                          .root = true,
                          .user = "ann",
                          .directory = "/a b",
                          .binds = {"/x:/y", "/z"},
                          .read_only = {"/r"},
                          .variables = {"A=b c", "PATH=/bin"},
                          .entrypoint = {"/bin/sh", "-c"},
                          .command = {"echo 'it is'", "", "$x"}};
  const auto read = environment::parse_settings(environment::settings_text(settings, "name"));
  REQUIRE(read);
  CHECK(*read == settings);
}

TEST_CASE("what is wrong with settings is told with its line", "[cli][environment]") {
  const auto wrong = [](std::string_view text) {
    const auto read = environment::parse_settings(text);
    return read ? "right" : read.error().message;
  };
  CHECK(wrong("# comment\n\n  bind = /a \r\n") == "right");
  CHECK(wrong("bind /a\n").find("line 1") == 0);
  CHECK(wrong("\nwhat = x\n").find("line 2: there is no key 'what'") == 0);
  CHECK(wrong("root = maybe\n").find("yes or no") != std::string::npos);
  CHECK(wrong("command = 'x\n").find("has no end") != std::string::npos);
}

TEST_CASE("names of environments", "[cli][environment]") {
  CHECK(environment::is_name("debian-12.1_x"));
  for (const char* const name : {"", ".", "..", "-x", "a/b", ".hidden", "a b", "a\n"})
    CHECK_FALSE(environment::is_name(name));
  CHECK(environment::name_for("docker.io/library/debian:12") == "debian-12");
  CHECK(environment::name_for("http://x/y/image.tar.gz") == "image");
  CHECK(environment::name_for("./dir/") == "dir");
  CHECK(environment::name_for("debian@sha256:00") == "debian");
  CHECK(environment::name_for("/") == "environment");
}

TEST_CASE("options come before the command, names between them", "[cli][environment]") {
  const auto read = [](const Words& words, bool command) {
    return environment::read_words(
        words, {{"--flag"}, {"--value", true}},
        {.least = 1, .most = 1, .usage = "x", .command_follows = command});
  };
  const auto words = read({"--value", "v", "--flag", "name", "--flag", "--", "-x"}, true);
  REQUIRE(words);
  CHECK((words->value("--value") == "v" && words->has("--flag")));
  CHECK(words->names == Words{"name", "--flag", "--", "-x"});
  CHECK(read({"name", "--value=a=b"}, false)->value("--value") == "a=b");
  CHECK_FALSE(read({}, false));
  CHECK_FALSE(read({"a", "b"}, false));
  CHECK_FALSE(read({"a", "--what"}, false));
  CHECK_FALSE(read({"a", "--value"}, false));
}

TEST_CASE("names of images", "[cli][registry]") {
  const auto parsed = [](std::string_view text) {
    const auto reference = parse_reference(text);
    return reference ? reference->host + " " + reference->name + " " + reference->tag : "wrong";
  };
  CHECK(parsed("debian") == "docker.io library/debian latest");
  CHECK(parsed("docker://debian:12") == "docker.io library/debian 12");
  CHECK(parsed("user/image") == "docker.io user/image latest");
  CHECK(parsed("localhost/x:1") == "localhost x 1");
  CHECK(parsed("host:5000/a/b:t") == "host:5000 a/b t");
  const std::string digest = "sha256:" + std::string(64, 'a');
  CHECK(parsed("ghcr.io/a/b:t@" + digest) == "ghcr.io a/b " + digest);
  CHECK(parsed("index.docker.io/library/x") == "docker.io library/x latest");
  CHECK(parsed("a@sha256:12") == "wrong");
  CHECK(parsed("UPPER") == "wrong");
  CHECK(parsed("x:") == "wrong");
  CHECK(parsed("") == "wrong");
}

TEST_CASE("challenges of registries", "[cli][registry]") {
  const Challenge bearer =
      parse_challenge(R"(Bearer realm="https://a/token",service="s, t",scope="repository:x:pull")");
  CHECK((bearer.scheme == "bearer" && bearer.realm == "https://a/token"));
  CHECK((bearer.service == "s, t" && bearer.scope == "repository:x:pull"));
  const Challenge bare = parse_challenge("BEARER realm=https://b, service=c");
  CHECK((bare.scheme == "bearer" && bare.realm == "https://b" && bare.service == "c"));
  CHECK(parse_challenge("Basic").scheme == "basic");
  CHECK(parse_challenge("").scheme.empty());
}

TEST_CASE("what holds for all environments comes first, and gives way", "[cli][environment]") {
  const auto common =
      environment::parse_settings("bind = /a\nenv = A=1\nhome = private\nbackend = namespace\n");
  const auto own = environment::parse_settings("bind = /b\nenv = A=2\nhome = /h\n");
  REQUIRE((common && own));
  environment::Settings settings = *own;
  environment::add_common(settings, *common);
  CHECK(settings.binds == Words{"/a", "/b"});
  CHECK(settings.variables == Words{"A=1", "A=2"});
  CHECK(settings.home == "/h");
  CHECK(settings.backend == "namespace");
}

TEST_CASE("desktop entries start their program inside", "[cli][environment]") {
  CHECK(
      environment::desktop_entry(
          "[Desktop Entry]\nName=A\nName[de]=B\nGenericName=C\nExec=a %U\nTryExec=a\n"
          "Icon=/i.png\nDBusActivatable=true\n[Desktop Action x]\nExec=a -x\nIcon=i",
          "env", "E", "/r") ==
      "[Desktop Entry]\nName=A (env)\nName[de]=B (env)\nGenericName=C\nExec=E a %U\nIcon=/r/i.png\n"
      "[Desktop Action x]\nExec=E a -x\nIcon=i\n");
}

TEST_CASE("stored logins are found by host and repository", "[cli][registry]") {
  const std::string text =
      R"({"auths": {"https://index.docker.io/v1/": {"auth": "AA"}, "ghcr.io": {"auth": "BB"},
          "ghcr.io/some/image": {"username": "u", "password": "p"}, "localhost:5000": {}},
          "credHelpers": {"gcr.io": "gcloud"}})";
  CHECK(stored_credentials(text, "docker.io/library/x") == Credentials{.basic = "AA"});
  CHECK(stored_credentials(text, "ghcr.io/some/other") == Credentials{.basic = "BB"});
  CHECK(stored_credentials(text, "ghcr.io/some/image") == Credentials{.basic = base64("u:p")});
  CHECK(stored_credentials(text, "ghcr.io.evil/x") == Credentials{});
  CHECK(stored_credentials(text, "gcr.io/x") == Credentials{.helper = "docker-credential-gcloud"});
  CHECK(stored_credentials(text, "quay.io/x") == Credentials{});
  CHECK(stored_credentials(R"({"credsStore": "pass"})", "quay.io/x") ==
        Credentials{.helper = "docker-credential-pass"});
  CHECK(stored_credentials("no json", "ghcr.io/x") == Credentials{});
}

TEST_CASE("Base64 and queries", "[cli][registry]") {
  CHECK(base64("") == "");
  CHECK(base64("a") == "YQ==");
  CHECK(base64("ab") == "YWI=");
  CHECK(base64("abc\xff") == "YWJj/w==");
  CHECK(percent_encoded("a b&c:d/e") == "a%20b%26c:d/e");
}

TEST_CASE("JSON that is not as expected reads as empty", "[cli][json]") {
  const auto json = Json::parse(R"({"a": {"b": ["c", 1]}, "n": null, "i": 7})");
  REQUIRE(json);
  CHECK((*json)["a"]["b"][std::size_t{0}].text() == "c");
  CHECK((*json)["a"]["b"].texts() == Words{"c", ""});
  CHECK((*json)["i"].number() == 7);
  CHECK_FALSE((*json)["n"].exists());
  CHECK_FALSE((*json)["x"]["y"][std::size_t{3}].exists());
  CHECK((*json)["a"].text().empty());
  CHECK_FALSE(Json::parse("{"));
}

TEST_CASE("digests are sha256 and nothing else", "[cli][oci]") {
  CHECK(is_digest("sha256:" + std::string(64, '0')));
  CHECK_FALSE(is_digest("sha256:" + std::string(63, '0')));
  CHECK_FALSE(is_digest("sha256:../" + std::string(61, '0')));
  CHECK_FALSE(is_digest("sha512:" + std::string(64, '0')));
  CHECK(image_machine("x86_64") == "amd64");
  CHECK(image_machine("armv7l") == "arm");
  CHECK(image_machine("riscv64") == "riscv64");
}

}  // namespace
}  // namespace nestp
