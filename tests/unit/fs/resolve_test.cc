#include "fs/resolve.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <map>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/fs/temp_tree.h"

namespace nestp {
namespace {

GuestPath guest(const std::string& text) { return *GuestPath::parse(text); }

/// A view of a temporary root, and what a test asks of it.
struct Fixture {
  TempTree tree;
  PathCache cache;
  Resolver resolver{cache};
  std::shared_ptr<const View> view;

  Fixture() {
    tree.directory("/root/etc");
    tree.directory("/root/usr/lib");
    tree.directory("/root/mnt");
    tree.directory("/other/deep");
    tree.file("/root/etc/passwd");
    tree.file("/other/file");
    tree.link("usr/lib", "/root/lib");
    tree.link("/etc", "/root/usr/absolute");
    tree.link("../../../../..", "/root/usr/lib/up");
    tree.link("loop", "/root/loop");
    tree.link("missing", "/root/dangling");
    tree.link("/etc", "/other/link");
    view = View::make({{.host = host("/root"), .guest = GuestPath::root()},
                       {.host = host("/other"), .guest = guest("/mnt")},
                       {.host = *HostPath::parse("/proc"), .guest = guest("/proc")}});
  }

  HostPath host(const std::string& below) const { return *HostPath::parse(tree.at(below)); }
  ResolveFrom from(const std::string& base = "/", const std::string& root = "/") const {
    return {.view = *view, .root = guest(root), .base = guest(base)};
  }
  SysResult<Resolved> resolve(const std::string& text, LastLink last = LastLink::follow,
                              const std::string& base = "/", ResolveFlags flags = 0) {
    return resolver.resolve(from(base), text, last, flags);
  }
  /// Host path below the tree, or the errno in brackets.
  std::string where(const std::string& text, LastLink last = LastLink::follow,
                    const std::string& base = "/", ResolveFlags flags = 0) {
    const auto found = resolve(text, last, base, flags);
    if (!found) return "[" + std::to_string(found.error().code()) + "]";
    const bool below = found->host.starts_with(tree.path());
    return below ? found->host.substr(tree.path().size()) : found->host;
  }
};

std::string failed(int code) { return "[" + std::to_string(code) + "]"; }

TEST_CASE("links lead through the guest's tree", "[fs][resolve]") {
  Fixture f;
  CHECK(f.where("/lib") == "/root/usr/lib");
  CHECK(f.where("/lib", LastLink::keep) == "/root/lib");
  CHECK(f.where("/lib/", LastLink::keep) == "/root/usr/lib/");
  CHECK(f.where("/lib/", LastLink::entry) == "/root/lib/");
  CHECK(f.where("/usr/absolute/passwd") == "/root/etc/passwd");
  CHECK(f.where("/lib/up") == "/root");
  CHECK(f.where("/lib/up/etc") == "/root/etc");
  CHECK(f.where("/loop") == failed(ELOOP));
  CHECK(f.where("/loop", LastLink::keep) == "/root/loop");
  CHECK(f.where("/dangling") == "/root/missing");
  CHECK(f.where("/mnt/link/passwd") == "/root/etc/passwd");
}

TEST_CASE("the kernel sees what only it can judge", "[fs][resolve]") {
  Fixture f;
  CHECK(f.where("/etc/passwd/") == "/root/etc/passwd/");
  CHECK(f.where("/etc/passwd/.") == "/root/etc/passwd/.");
  CHECK(f.where("/etc/./passwd/x") == "/root/etc/passwd/x");
  CHECK(f.where("/nowhere/a//b/./c/") == "/root/nowhere/a//b/./c/");
  CHECK(f.resolve("/nowhere/a//b/./c/")->guest == guest("/nowhere/a/b/c"));
  CHECK(f.where("/nowhere/../etc") == failed(ENOENT));
  CHECK(f.where("/etc/passwd/../x") == failed(ENOTDIR));
  CHECK(f.where("/etc/..", LastLink::entry) == "/root/etc/..");
  CHECK(f.where("/etc/./", LastLink::entry) == "/root/etc/./");
  CHECK(f.where("/", LastLink::entry) == "/");
  CHECK(f.where("//", LastLink::follow) == "/root");
}

TEST_CASE("names and paths have the kernel's limits", "[fs][resolve]") {
  Fixture f;
  CHECK(f.where("/" + std::string(4094, 'a')).size() > 4094);
  CHECK(f.where("/" + std::string(4095, 'a')) == failed(ENAMETOOLONG));
  CHECK(f.where("/" + std::string(256, 'a') + "/..") == failed(ENAMETOOLONG));
  CHECK(f.where("/" + std::string(255, 'a') + "/..") == failed(ENOENT));
  CHECK(f.where("") == failed(ENOENT));
}

TEST_CASE("40 links are followed and 41 are not", "[fs][resolve]") {
  Fixture f;
  f.tree.file("/root/l0");
  for (int i = 1; i <= 41; ++i) {
    f.tree.link("l" + std::to_string(i - 1), "/root/l" + std::to_string(i));
  }
  CHECK(f.where("/l40") == "/root/l0");
  CHECK(f.where("/l41") == failed(ELOOP));
}

TEST_CASE("mount points are entered and left", "[fs][resolve]") {
  Fixture f;
  CHECK(f.where("/mnt") == "/other");
  CHECK(f.resolve("/mnt")->at_mount_point);
  CHECK(f.where("/mnt/deep/../..") == "/root");
  CHECK(f.where("/mnt/../etc") == "/root/etc");
  CHECK(f.where("/..") == "/root");
  CHECK(f.where("/mnt/deep/../file") == "/other/file");
  CHECK_FALSE(f.resolve("/mnt/deep")->at_mount_point);
  CHECK(f.resolve("/mnt/deep")->binding->guest == guest("/mnt"));
}

TEST_CASE("a relative text is handed on if the kernel gets to the same place", "[fs][resolve]") {
  Fixture f;
  const auto unchanged = [&](const std::string& text, const std::string& base) {
    return f.resolve(text, LastLink::follow, base)->unchanged;
  };
  CHECK(unchanged("usr/lib", "/"));
  CHECK(unchanged("lib/x", "/"));
  CHECK(unchanged("../etc", "/usr"));
  CHECK(unchanged("nowhere/x", "/"));
  CHECK_FALSE(unchanged("/usr", "/"));
  CHECK_FALSE(unchanged("mnt", "/"));
  CHECK_FALSE(unchanged("absolute", "/usr"));
  CHECK_FALSE(unchanged("..", "/"));
  CHECK_FALSE(unchanged("..", "/mnt"));
  CHECK_FALSE(unchanged("1/stat", "/proc"));
}

TEST_CASE("a base outside the view is walked on the host until an absolute link", "[fs][resolve]") {
  Fixture f;
  ResolveFrom from{.view = *f.view, .root = GuestPath::root(), .base = std::nullopt};
  const auto blind = f.resolver.resolve(from, "x/y", LastLink::follow);
  CHECK(blind->unchanged);
  CHECK(blind->binding == nullptr);
  f.tree.directory("/outside");
  f.tree.link("/etc", "/outside/absolute");
  from.base_host = f.tree.at("/outside");
  CHECK(f.resolver.resolve(from, "../other/file", LastLink::follow)->unchanged);
  const auto inside = f.resolver.resolve(from, "absolute/passwd", LastLink::follow);
  CHECK(inside->host == f.tree.at("/root/etc/passwd"));
  CHECK_FALSE(inside->unchanged);
}

TEST_CASE("a thread's own root bounds its paths", "[fs][resolve]") {
  Fixture f;
  f.tree.link("/lib", "/root/usr/to_lib");
  const auto from = f.from("/usr", "/usr");
  const auto host = [&](const std::string& text) {
    return f.resolver.resolve(from, text, LastLink::follow)->host.substr(f.tree.path().size());
  };
  CHECK(host("/lib") == "/root/usr/lib");
  CHECK(host("..") == "/root/usr");
  CHECK(host("to_lib") == "/root/usr/lib");
}

TEST_CASE("a thread outside its own root goes up to the top of the view", "[fs][resolve]") {
  Fixture f;
  const auto from = f.from("/etc", "/usr");
  const auto found = f.resolver.resolve(from, "../../../mnt", LastLink::follow);
  REQUIRE(found);
  CHECK(found->host == f.tree.at("/other"));
}

TEST_CASE("RESOLVE flags are kept in the view's terms", "[fs][resolve]") {
  Fixture f;
  const auto follow = LastLink::follow;
  CHECK(f.where("/etc", follow, "/usr", RESOLVE_BENEATH) == failed(EXDEV));
  CHECK(f.where("..", follow, "/usr", RESOLVE_BENEATH) == failed(EXDEV));
  CHECK(f.where("lib/..", follow, "/usr", RESOLVE_BENEATH) == "/root/usr");
  CHECK(f.where("absolute", follow, "/usr", RESOLVE_BENEATH) == failed(EXDEV));
  CHECK(f.where("/lib", follow, "/usr", RESOLVE_IN_ROOT) == "/root/usr/lib");
  CHECK(f.where("../../lib", follow, "/usr", RESOLVE_IN_ROOT) == "/root/usr/lib");
  CHECK(f.where("absolute", follow, "/usr", RESOLVE_IN_ROOT) == "/root/usr/etc");
  CHECK(f.where("lib", follow, "/", RESOLVE_NO_SYMLINKS) == failed(ELOOP));
  CHECK(f.where("lib", LastLink::keep, "/", RESOLVE_NO_SYMLINKS) == "/root/lib");
  CHECK(f.where("mnt", follow, "/", RESOLVE_NO_XDEV) == failed(EXDEV));
  CHECK(f.where("..", follow, "/mnt", RESOLVE_NO_XDEV) == failed(EXDEV));
  CHECK(f.where("usr/lib", follow, "/", RESOLVE_NO_XDEV) == "/root/usr/lib");
}

struct OneGuest : ProcessFacts {
  std::optional<GuestPath> executable(pid_t process) const override {
    return process == 4711 ? std::optional(guest("/usr/program")) : std::nullopt;
  }
  std::optional<GuestPath> root(pid_t process) const override {
    return process == 4711 ? std::optional(guest("/usr")) : std::nullopt;
  }
};

/// Nobody may search directories of one name.
struct ClosedDirectory : OneGuest {
  SysResult<> search(const Searcher& who, const std::string& host) const override {
    CHECK(who.thread == 4712);
    passed.push_back(host);
    if (host.ends_with("/lib")) return Errno(who.by_real_ids ? EPERM : EACCES);
    return Done{};
  }
  mutable std::vector<std::string> passed{};
};

TEST_CASE("a judge is asked for every directory that is passed", "[fs][resolve]") {
  Fixture f;
  const ClosedDirectory facts;
  ResolveFrom from = f.from();
  from.thread = 4712;
  from.processes = &facts;
  const auto resolve = [&](const std::string& text) {
    return f.resolver.resolve(from, text, LastLink::follow);
  };
  CHECK(resolve("/lib/../../etc"));
  CHECK(facts.passed.empty());
  from.judged = true;
  CHECK(resolve("/mnt/deep/x"));
  CHECK(facts.passed ==
        std::vector{f.tree.at("/root"), f.tree.at("/other"), f.tree.at("/other/deep")});
  CHECK(resolve("/usr/lib"));
  CHECK(resolve("/usr/lib/.").error() == Errno(EACCES));
  CHECK(resolve("/lib/../../etc").error() == Errno(EACCES));
  CHECK(resolve("/lib/missing").error() == Errno(EACCES));
  CHECK(resolve("/mnt/missing/lib/x"));  // ENOENT, says the kernel
  from.by_real_ids = true;
  CHECK(resolve("/lib/missing").error() == Errno(EPERM));
  // The kernel, walking the text itself, could not say so.
  from.base = guest("/usr");
  from.kernel_judges = true;
  CHECK(resolve("lib/missing").error() == Errno(EPERM));
}

TEST_CASE("links of /proc tell of the guest", "[fs][resolve][proc]") {
  Fixture f;
  const OneGuest facts;
  ResolveFrom from = f.from();
  from.process = 4711;
  from.thread = 4712;
  from.processes = &facts;
  const auto resolve = [&](const std::string& text, LastLink last, ResolveFlags flags = 0) {
    return f.resolver.resolve(from, text, last, flags);
  };
  CHECK(resolve("/proc/self/status", LastLink::follow)->host == "/proc/4711/status");
  CHECK(resolve("/proc/self", LastLink::keep)->host == "/proc/self");
  CHECK(resolve("/proc/thread-self/comm", LastLink::follow)->host == "/proc/4711/task/4712/comm");
  CHECK(resolve("/proc/mounts", LastLink::follow)->host == "/proc/4711/mounts");
  const auto link = resolve("/proc/self/exe", LastLink::keep);
  CHECK(link->is_executable_link);
  CHECK(link->host == "/proc/4711/exe");
  CHECK(link->guest == guest("/usr/program"));
  const auto program = resolve("/proc/4711/task/4711/exe", LastLink::follow);
  CHECK(program->host == f.tree.at("/root/usr/program"));
  CHECK_FALSE(program->is_executable_link);
  CHECK(resolve("/proc/self/root/lib", LastLink::follow)->host == f.tree.at("/root/usr/lib"));
  CHECK(resolve("/proc/self/fd/3", LastLink::follow)->magic);
  CHECK(resolve("/proc/1/exe", LastLink::follow)->host == "/proc/1/exe");
  CHECK(resolve("/proc/1/exe", LastLink::follow)->magic);
  CHECK(resolve("/proc/self/exe", LastLink::follow, RESOLVE_NO_MAGICLINKS).error() == Errno(ELOOP));
}

TEST_CASE("descriptors in the middle of a path lead on in the view", "[fs][resolve][proc]") {
  Fixture f;
  const int inside = ::open(f.tree.at("/other/deep").c_str(), O_PATH | O_CLOEXEC);
  const int outside = ::open(f.tree.path().c_str(), O_PATH | O_CLOEXEC);
  ResolveFrom from = f.from();
  from.process = ::getpid();
  const auto resolve = [&](int fd, const std::string& rest) {
    return f.resolver.resolve(from, "/proc/self/fd/" + std::to_string(fd) + rest, LastLink::follow);
  };
  CHECK(resolve(inside, "/../file")->host == f.tree.at("/other/file"));
  CHECK(resolve(inside, "/../../etc")->host == f.tree.at("/root/etc"));
  CHECK(resolve(outside, "/a/b")->host ==
        "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(outside) + "/a/b");
  CHECK(resolve(outside, "/a/../b").error() == Errno(EACCES));
  ::close(inside);
  ::close(outside);
}

TEST_CASE("a known path costs no look at the host", "[fs][resolve][cache]") {
  Fixture f;
  CHECK(f.where("/lib/x") == "/root/usr/lib/x");
  const auto misses = f.cache.misses();
  CHECK(f.where("/lib/y", LastLink::keep) == "/root/usr/lib/y");
  CHECK(f.cache.misses() == misses);
}

TEST_CASE("a link that a guest changes is never believed", "[fs][resolve][cache]") {
  Fixture f;
  CHECK(f.where("/lib/x") == "/root/usr/lib/x");
  f.cache.begin_change(f.tree.at("/root/lib"));
  ::unlink(f.tree.at("/root/lib").c_str());
  f.tree.link("etc", "/root/lib");
  CHECK(f.where("/lib/x") == "/root/etc/x");
  ::unlink(f.tree.at("/root/lib").c_str());
  f.tree.link("mnt", "/root/lib");
  f.cache.end_change(f.tree.at("/root/lib"));
  CHECK(f.where("/lib/x") == "/other/x");
}

TEST_CASE("a link that a host process changes is noticed in time", "[fs][resolve][cache]") {
  Fixture f;
  CHECK(f.where("/lib/x") == "/root/usr/lib/x");
  ::unlink(f.tree.at("/root/lib").c_str());
  f.tree.link("etc", "/root/lib");
  ::usleep(static_cast<useconds_t>((PathCache::kStaleness.count() + 20) * 1000));
  CHECK(f.where("/lib/x") == "/root/etc/x");
}

}  // namespace
}  // namespace nestp
