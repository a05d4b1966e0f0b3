#include "fs/view.h"

#include <catch2/catch.hpp>

namespace nestp {
namespace {

GuestPath guest(const std::string& text) { return *GuestPath::parse(text); }
HostPath host(const std::string& text) { return *HostPath::parse(text); }
Binding bind(const std::string& from, const std::string& to) {
  return {.host = host(from), .guest = guest(to)};
}

TEST_CASE("the deepest binding decides, whatever the order", "[fs][view]") {
  const auto view = View::make({bind("/srv/b", "/x/b"), bind("/srv/a", "/x"), bind("/root", "/")});
  CHECK(view->to_host(guest("/x/b/c")) == host("/srv/b/c"));
  CHECK(view->to_host(guest("/x/bc")) == host("/srv/a/bc"));
  CHECK(view->to_host(guest("/etc")) == host("/root/etc"));
  CHECK(view->to_host(guest("/")) == host("/root"));
  CHECK(view->bindings().front().guest.is_root());
  CHECK(view->binding_at(guest("/x/b")) != nullptr);
  CHECK(view->binding_at(guest("/x/b/c")) == nullptr);
  CHECK(view->is_mount_name("b"));
  CHECK_FALSE(view->is_mount_name("c"));
}

TEST_CASE("the last of equal bindings wins", "[fs][view]") {
  const auto view = View::make({bind("/root", "/"), bind("/a", "/x"), bind("/b", "/x")});
  CHECK(view->bindings().size() == 2);
  CHECK(view->to_host(guest("/x/y")) == host("/b/y"));
}

TEST_CASE("a host path has no guest name that another binding covers", "[fs][view]") {
  const auto view = View::make({bind("/root", "/"), bind("/srv/a", "/x"), bind("/srv/b", "/x/b")});
  CHECK(*view->to_guest(host("/srv/a/c")) == guest("/x/c"));
  CHECK(view->to_guest(host("/srv/a/b/c")).error() == Errno(ENOENT));
  CHECK(view->to_guest(host("/root/x/y")).error() == Errno(ENOENT));
  CHECK(view->to_guest(host("/elsewhere")).error() == Errno(ENOENT));
  CHECK(*view->to_guest(host("/root")) == guest("/"));
}

TEST_CASE("of several guest names the hinted one is given", "[fs][view]") {
  const auto view = View::make({bind("/root", "/"), bind("/srv", "/one"), bind("/srv", "/two")});
  CHECK(view->is_ambiguous());
  const GuestPath one = guest("/one");
  const GuestPath two = guest("/two");
  CHECK(*view->to_guest(host("/srv/x"), &one) == guest("/one/x"));
  CHECK(*view->to_guest(host("/srv/x"), &two) == guest("/two/x"));
  const auto nested = View::make({bind("/root", "/"), bind("/root/home/me", "/me")});
  CHECK(nested->is_ambiguous());
  CHECK(*nested->to_guest(host("/root/home/me/x")) == guest("/me/x"));
  const auto same = View::make({bind("/", "/"), bind("/home", "/home"), bind("/a", "/b")});
  CHECK(same->is_ambiguous());
  CHECK_FALSE(View::make({bind("/", "/"), bind("/home", "/home")})->is_ambiguous());
}

TEST_CASE("a guest's mount covers what is below until it is taken away", "[fs][view]") {
  const auto first = View::make({bind("/root", "/"), bind("/a", "/x"), bind("/b", "/x/b")});
  const auto second = first->with(bind("/c", "/x"));
  CHECK(second->to_host(guest("/x/b")) == host("/c/b"));
  const auto third = second->with(bind("/d", "/x/b"))->with(bind("/e", "/y"));
  CHECK(third->to_host(guest("/x/b")) == host("/d"));
  const auto back = third->without(guest("/x"));
  CHECK(back->to_host(guest("/x/b")) == host("/b"));
  CHECK(back->to_host(guest("/x/c")) == host("/a/c"));
  CHECK(back->to_host(guest("/y")) == host("/e"));
  CHECK(back->without(guest("/nope")) == nullptr);
  CHECK(back->without(guest("/")) == nullptr);
  CHECK(back->without(guest("/x"))->without(guest("/x")) == nullptr);
  CHECK(first->serial() != second->serial());
}

TEST_CASE("stacked mounts come off one by one", "[fs][view]") {
  const auto first = View::make({bind("/root", "/"), bind("/a", "/x"), bind("/b", "/x/b")});
  const auto third = first->with(bind("/c", "/x"))->with(bind("/d", "/x"));
  const auto second = third->without(guest("/x"));
  CHECK(second->to_host(guest("/x/b")) == host("/c/b"));
  CHECK(second->without(guest("/x"))->to_host(guest("/x/b")) == host("/b"));
}

TEST_CASE("a pivot moves the new root up and the old one below it", "[fs][view]") {
  const auto first = View::make({bind("/root", "/"), bind("/dev", "/dev"), bind("/tmp", "/tmp")});
  const auto mounted = first->with(bind("/new", "/tmp"))->with(bind("/in", "/tmp/in"));
  const auto pivoted = mounted->pivoted(guest("/"), guest("/tmp"), guest("/tmp/old"));
  CHECK(pivoted->to_host(guest("/x")) == host("/new/x"));
  CHECK(pivoted->to_host(guest("/in/x")) == host("/in/x"));
  CHECK(pivoted->to_host(guest("/old/etc")) == host("/root/etc"));
  CHECK(pivoted->to_host(guest("/old/dev/null")) == host("/dev/null"));
  CHECK(pivoted->to_host(guest("/old/tmp/x")) == host("/tmp/x"));  // what the new root covered
  const auto gone = mounted->pivoted(guest("/"), guest("/tmp"), guest("/tmp"));
  CHECK(gone->to_host(guest("/dev/null")) == host("/new/dev/null"));
  CHECK(gone->bindings().size() == 2);
  const auto inner = mounted->with(bind("/jail", "/in"))->with(bind("/top", "/in/top"));
  const auto jailed = inner->pivoted(guest("/in"), guest("/in/top"), guest("/in/top/o"));
  CHECK(jailed->to_host(guest("/in/x")) == host("/top/x"));
  CHECK(jailed->to_host(guest("/in/o/x")) == host("/jail/x"));
  CHECK(jailed->to_host(guest("/dev/null")) == host("/dev/null"));
}

TEST_CASE("a binding becomes read-only and back, whatever it covers", "[fs][view]") {
  const auto view = View::make({bind("/root", "/"), bind("/a", "/x")})->with(bind("/b", "/x"));
  const auto closed = view->with_read_only(guest("/x"), true);
  CHECK(closed->binding_at(guest("/x"))->read_only);
  CHECK_FALSE(closed->binding_of(guest("/")).read_only);
  CHECK_FALSE(closed->with_read_only(guest("/x"), false)->has_read_only());
  CHECK(closed->without(guest("/x"))->to_host(guest("/x")) == host("/a"));
}

TEST_CASE("unlisted bindings are found by the directory that lists them", "[fs][view]") {
  auto hidden = bind("/a", "/x/y");
  hidden.unlisted = true;
  const auto view = View::make({bind("/root", "/"), hidden, bind("/b", "/x/z")});
  REQUIRE(view->unlisted_in(guest("/x")).size() == 1);
  CHECK(view->unlisted_in(guest("/x"))[0]->guest == guest("/x/y"));
  CHECK(view->unlisted_in(guest("/")).empty());
}

}  // namespace
}  // namespace nestp
