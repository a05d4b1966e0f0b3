#include "fs/path_cache.h"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace nestp {
namespace {

using Kind = PathCache::Kind;

TEST_CASE("facts are found under their directory", "[fs][path_cache]") {
  PathCache cache;
  cache.begin_walk();
  const auto a = cache.remember(PathCache::kRoot, "a", Kind::plain);
  cache.remember(a, "l", Kind::link, "target");
  CHECK(cache.find(PathCache::kRoot, "a").kind == Kind::plain);
  CHECK(cache.find(a, "l").target == "target");
  CHECK(cache.find(PathCache::kRoot, "l").kind == Kind::unknown);
  CHECK(cache.locate("/a") == a);
  CHECK(cache.hits() == 2);
  CHECK(cache.misses() == 1);
  CHECK(cache.remember(PathCache::kUncached, "x", Kind::plain) == PathCache::kUncached);
}

TEST_CASE("a change hides the entry and all below it", "[fs][path_cache]") {
  PathCache cache;
  cache.begin_walk();
  const auto a = cache.remember(PathCache::kRoot, "a", Kind::plain);
  const auto b = cache.remember(a, "b", Kind::plain);
  cache.remember(b, "c", Kind::plain);
  cache.begin_change("/a/b/");
  CHECK(cache.find(a, "b").kind == Kind::unknown);
  CHECK(cache.locate("/a/b") == PathCache::kUncached);
  CHECK(cache.locate("/a/b/c") == PathCache::kUncached);
  CHECK(cache.remember(a, "b", Kind::plain) == PathCache::kUncached);
  cache.end_change("/a/b");
  CHECK(cache.find(cache.locate("/a/b"), "c").kind == Kind::unknown);
  CHECK(cache.remember(a, "b", Kind::plain) != PathCache::kUncached);
}

TEST_CASE("changes nest, also inside each other", "[fs][path_cache]") {
  PathCache cache;
  cache.begin_walk();
  cache.begin_change("/a/b");
  cache.begin_change("/a/b");
  cache.begin_change("/a");
  cache.end_change("/a");
  CHECK(cache.locate("/a") != PathCache::kUncached);
  CHECK(cache.locate("/a/b") == PathCache::kUncached);
  cache.clear();
  CHECK(cache.locate("/a/b") == PathCache::kUncached);
  cache.end_change("/a/b");
  CHECK(cache.locate("/a/b") == PathCache::kUncached);
  cache.end_change("/a/b");
  CHECK(cache.locate("/a/b") != PathCache::kUncached);
  cache.end_change("/never/begun");
}

TEST_CASE("facts grow old", "[fs][path_cache]") {
  PathCache cache;
  cache.begin_walk();
  const auto a = cache.remember(PathCache::kRoot, "a", Kind::plain);
  ::usleep(static_cast<useconds_t>((PathCache::kStaleness.count() + 20) * 1000));
  CHECK(cache.find(PathCache::kRoot, "a").kind == Kind::plain);
  cache.begin_walk();
  CHECK(cache.find(PathCache::kRoot, "a").kind == Kind::unknown);
  CHECK(cache.locate("/a") == a);
}

TEST_CASE("the cache starts anew when it is full", "[fs][path_cache]") {
  PathCache cache;
  cache.begin_walk();
  for (std::size_t i = 0; i <= PathCache::kMaxEntries; ++i) {
    cache.remember(PathCache::kRoot, std::to_string(i), Kind::plain);
  }
  CHECK(cache.find(PathCache::kRoot, "7").kind == Kind::plain);
  cache.begin_walk();
  CHECK(cache.find(PathCache::kRoot, "7").kind == Kind::unknown);
}

}  // namespace
}  // namespace nestp
