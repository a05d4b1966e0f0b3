#include "fs/mount_plan.h"

#include <algorithm>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/unit/fs/temp_tree.h"

namespace nestp {
namespace {

GuestPath guest(const std::string& text) { return *GuestPath::parse(text); }

struct Fixture {
  TempTree tree;
  std::vector<std::string> warnings;
  std::unique_ptr<SessionDirectory> session;

  Fixture() {
    tree.directory("/root/etc");
    tree.directory("/root/real");
    tree.link("real", "/root/link");
    tree.file("/root/file");
    tree.directory("/host/inner");
    tree.file("/host/file");
    tree.link("host", "/alias");
    tree.directory("/session");
    session = std::make_unique<SessionDirectory>(std::vector{tree.at("/session")});
  }

  Result<std::shared_ptr<const View>> plan(std::vector<BindingRequest> requests) {
    requests.insert(requests.begin(), {.host = tree.at("/root"), .guest = "/"});
    return make_view(requests, *session, warnings);
  }
  std::string host(const View& view, const std::string& path) const {
    const std::string text = view.to_host(guest(path)).text();
    return text.starts_with(tree.path()) ? text.substr(tree.path().size()) : text;
  }
};

TEST_CASE("both sides of a binding are taken as their own world sees them", "[fs][mount_plan]") {
  Fixture f;
  const auto view = f.plan({{.host = f.tree.at("/alias"), .guest = "/link"}});
  REQUIRE(view);
  CHECK(f.host(**view, "/real") == "/host");
  CHECK((*view)->binding_at(guest("/link")) == nullptr);
  CHECK_FALSE((*view)->has_unlisted());
  CHECK_FALSE(f.session->is_made());
  const auto kept =
      f.plan({{.host = f.tree.at("/host"), .guest = "/link", .keep_last_link = true}});
  CHECK(f.host(**kept, "/link") == "/host");
}

TEST_CASE("a guest path in an earlier binding is read there", "[fs][mount_plan]") {
  Fixture f;
  f.tree.link("/etc", "/host/to_etc");
  const auto view = f.plan({{.host = f.tree.at("/host"), .guest = "/real"},
                            {.host = f.tree.at("/host/file"), .guest = "/real/to_etc"}});
  CHECK(f.host(**view, "/etc") == "/host/file");
}

TEST_CASE("a mount point whose parent exists is only unlisted", "[fs][mount_plan]") {
  Fixture f;
  const auto view = f.plan({{.host = f.tree.at("/host"), .guest = "/new"}});
  REQUIRE((*view)->unlisted_in(GuestPath::root()).size() == 1);
  CHECK_FALSE(f.session->is_made());
  CHECK_FALSE(std::filesystem::exists(f.tree.at("/root/new")));
}

TEST_CASE("a mount point without parents stands in a placeholder", "[fs][mount_plan]") {
  Fixture f;
  const auto view = f.plan({{.host = f.tree.at("/host/file"), .guest = "/a/b/c/file"},
                            {.host = f.tree.at("/host"), .guest = "/a/b/d"}});
  REQUIRE(view);
  const Binding* placeholder = (*view)->binding_at(guest("/a"));
  REQUIRE(placeholder != nullptr);
  CHECK(placeholder->placeholder);
  CHECK(placeholder->read_only);
  CHECK(placeholder->unlisted);
  CHECK(std::filesystem::is_directory(placeholder->host.text() + "/b/d"));
  CHECK(std::filesystem::is_regular_file(placeholder->host.text() + "/b/c/file"));
  CHECK_FALSE((*view)->binding_at(guest("/a/b/d"))->unlisted);
  CHECK(f.host(**view, "/a/b/c/file") == "/host/file");
  CHECK_FALSE(std::filesystem::exists(f.tree.at("/root/a")));
  struct stat status {};
  REQUIRE(::stat((placeholder->host.text() + "/b").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0555);
  f.session.reset();
  CHECK(std::filesystem::is_empty(f.tree.at("/session")));
}

TEST_CASE("order on the command line does not decide what exists", "[fs][mount_plan]") {
  Fixture f;
  const auto view = f.plan({{.host = f.tree.at("/host/file"), .guest = "/new/inner/x"},
                            {.host = f.tree.at("/host"), .guest = "/new"}});
  REQUIRE(view);
  CHECK((*view)->binding_at(guest("/new/inner/x"))->unlisted);
  CHECK((*view)->bindings().size() == 3);
}

TEST_CASE("what cannot be bound is a sentence", "[fs][mount_plan]") {
  Fixture f;
  const auto missing = f.plan({{.host = "/no/such", .guest = "/x"}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == "bind /no/such: /no/such: No such file or directory");
  CHECK(f.plan({{.host = "/no/such", .guest = "/x", .optional = true}}));
  CHECK(f.warnings.size() == 1);
  const auto below = f.plan({{.host = f.tree.at("/host"), .guest = "/file/x"}});
  REQUIRE_FALSE(below);
  CHECK(below.error().message.ends_with("/file: Not a directory"));
  const auto root =
      make_view({{.host = f.tree.at("/root/file"), .guest = "/"}}, *f.session, f.warnings);
  REQUIRE_FALSE(root);
  CHECK(root.error().message.ends_with("Not a directory"));
}

TEST_CASE("a tmpfs is a directory of the session", "[fs][mount_plan]") {
  Fixture f;
  const auto view = f.plan({{.guest = "/scratch", .tmpfs = true}});
  REQUIRE(view);
  const Binding* binding = (*view)->binding_at(guest("/scratch"));
  CHECK(f.session->contains(binding->host));
  CHECK(binding->type == "tmpfs");
  struct stat status {};
  REQUIRE(::stat(binding->host.text().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 01777);
}

TEST_CASE("a session directory goes with its owner, at the latest in a later run",
          "[fs][session_directory]") {
  const TempTree tree;
  const std::vector parents{std::string("/no/such"), tree.path()};
  SessionDirectory live(parents);
  REQUIRE(live.make_file(0600));
  const pid_t child = ::fork();
  if (child == 0) {
    SessionDirectory killed(parents);
    ::_exit(killed.make_directory(0555) ? 0 : 1);  // runs no destructor
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(status == 0);
  const auto count = [&] {
    const std::filesystem::directory_iterator entries(tree.path());
    return std::distance(begin(entries), end(entries));
  };
  CHECK(count() == 2);
  SessionDirectory later(parents);
  REQUIRE(later.path());
  CHECK(count() == 2);
  CHECK(std::filesystem::exists(live.path()->text()));
}

TEST_CASE("mounts are made from the outside in, read-only last", "[fs][mount_plan]") {
  const auto view = View::make({
      {.host = *HostPath::parse("/b"),
       .guest = guest("/x/y"),
       .is_directory = false,
       .unlisted = true},
      {.host = *HostPath::parse("/a"), .guest = guest("/x"), .read_only = true},
      {.host = *HostPath::parse("/r"), .guest = GuestPath::root()},
  });
  using Kind = MountStep::Kind;
  const auto step = [](Kind kind, const char* host, const char* place) {
    return MountStep{.kind = kind, .host = *HostPath::parse(host), .guest = guest(place)};
  };
  const std::vector<MountStep> expected{step(Kind::bind, "/r", "/"), step(Kind::bind, "/a", "/x"),
                                        step(Kind::make_file, "/b", "/x/y"),
                                        step(Kind::bind, "/b", "/x/y"),
                                        step(Kind::remount_read_only, "/a", "/x")};
  CHECK(mount_steps(*view) == expected);
}

}  // namespace
}  // namespace nestp
