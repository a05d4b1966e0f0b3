#include "cli/bubblewrap.h"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Words = std::vector<std::string>;
using Kind = MountAct::Kind;

BubblewrapRequest parsed(const Words& words) {
  const auto request = parse_bubblewrap(words);
  INFO((request ? std::string() : request.error().message));
  REQUIRE(request);
  return *request;
}

std::string refused(const Words& words) {
  const auto request = parse_bubblewrap(words);
  return request ? "accepted" : request.error().message;
}

TEST_CASE("mounts keep the order of the command line", "[cli][bubblewrap]") {
  const auto request =
      parsed({"--bind", "/usr", "/", "--proc", "/proc", "--perms", "0700", "--size", "4096",
              "--tmpfs", "/x", "--symlink", "a", "/b", "true", "--bind"});
  CHECK(request.rootfs == "/usr");
  const auto& mounts = request.isolation.mounts;
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].kind == Kind::proc);
  CHECK((mounts[1].kind == Kind::tmpfs && mounts[1].mode == 0700u && mounts[1].size == 4096));
  CHECK((mounts[2].kind == Kind::symlink && mounts[2].text == "a" && mounts[2].guest == "/b"));
  CHECK(request.command == Words{"true", "--bind"});
}

TEST_CASE("namespaces, ids and capabilities", "[cli][bubblewrap]") {
  const auto request =
      parsed({"--unshare-all", "--share-net", "--uid", "7", "--cap-add", "CAP_KILL", "--cap-add",
              "chown", "--cap-drop", "KILL", "--hostname", "h", "--"});
  const Isolation& isolation = request.isolation;
  CHECK((isolation.pid && isolation.ipc && isolation.uts && isolation.cgroup && !isolation.net));
  CHECK(isolation.become.uid == 7u);
  CHECK(isolation.capabilities == 1u);
  CHECK(isolation.hostname == "h");
  if (geteuid() != 0) CHECK(parsed({}).isolation.capabilities == 0u);
  CHECK(parsed({"--cap-add", "ALL"}).isolation.capabilities == ~std::uint64_t{0});
}

TEST_CASE("descriptors and locks of whoever watches", "[cli][bubblewrap]") {
  const auto request = parsed({"--unshare-user", "--info-fd", "1", "--sync-fd", "2", "--lock-file",
                               "/a", "--lock-file", "/b", "--add-seccomp-fd", "0",
                               "--add-seccomp-fd", "1", "--disable-userns", "--cap-add", "ALL"});
  const Isolation& isolation = request.isolation;
  CHECK((isolation.watch.info == 1 && isolation.watch.sync == 2 && isolation.watch.status == -1));
  CHECK(isolation.watch.locks == Words{"/a", "/b"});
  CHECK(isolation.seccomp_descriptors == std::vector<int>{0, 1});
  CHECK(isolation.forbid_user_namespaces);
  // With this one the limit could be raised again.
  CHECK((*isolation.capabilities >> 24 & 1) == 0);
  CHECK(parsed({"--seccomp", "0", "--seccomp", "1"}).isolation.seccomp_descriptors ==
        std::vector<int>{1});
}

TEST_CASE("the environment changes in order", "[cli][bubblewrap]") {
  const auto changes = parsed({"--clearenv", "--setenv", "A", "1", "--unsetenv", "B"}).environment;
  REQUIRE(changes.size() == 3);
  CHECK(changes[0].kind == EnvironmentChange::Kind::clear);
  CHECK((changes[1].name == "A" && changes[1].value == "1"));
  CHECK(changes[2].kind == EnvironmentChange::Kind::unset);
}

TEST_CASE("what is wrong is named", "[cli][bubblewrap]") {
  CHECK(refused({"--nonsense"}).find("'--nonsense' of bubblewrap is unknown") != std::string::npos);
  CHECK(refused({"--bind", "/a"}).find("needs 2 more words") != std::string::npos);
  CHECK(refused({"--bind", "/absent", "/x"}).find("/absent: No such file") != std::string::npos);
  CHECK(refused({"--bind-try", "/absent", "/x"}) == "accepted");
  CHECK(refused({"--uid", "x"}).find("'x' is not a number") != std::string::npos);
  CHECK(refused({"--cap-add", "FLY"}).find("no capability 'FLY'") != std::string::npos);
  CHECK(refused({"--exec-label", "x"}).find("--backend-command bwrap") != std::string::npos);
  CHECK(refused({"--info-fd", "999"}).find("999 is not open") != std::string::npos);
  CHECK(refused({"--as-pid-1"}).find("needs --unshare-pid") != std::string::npos);
  CHECK(refused({"--overlay", "/u", "/w", "/x"}).find("--overlay-src") != std::string::npos);
}

TEST_CASE("plain bindings become every backend's", "[cli][bubblewrap]") {
  Request request;
  request.isolation = parsed({"--bind", "/usr", "/a/b", "--ro-bind", "/etc", "/a", "--proc",
                              "/proc", "--tmpfs", "/t", "--bind", "/usr", "/proc/x"})
                          .isolation;
  move_to_bindings(request);
  REQUIRE(request.bindings.size() == 2);  // /a covers /a/b
  CHECK((request.bindings[0].host == "/etc" && request.bindings[0].guest == "/a"));
  CHECK(request.bindings[0].kind == RequestedBinding::Kind::read_only);
  CHECK(request.bindings[1].kind == RequestedBinding::Kind::temporary);
  REQUIRE(request.isolation.mounts.size() == 2);  // what lies on the proc stays behind it
  CHECK(request.isolation.mounts[1].guest == "/proc/x");
}

}  // namespace
}  // namespace nestp
