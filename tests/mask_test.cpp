#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <inotify/mask.hpp>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

using inotify::decode_mask;
using inotify::Mask;
using inotify::parse_mask;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::pair<Mask, const char*> all_bits[] = {
    {IN_ACCESS, "IN_ACCESS"},
    {IN_MODIFY, "IN_MODIFY"},
    {IN_ATTRIB, "IN_ATTRIB"},
    {IN_CLOSE_WRITE, "IN_CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "IN_CLOSE_NOWRITE"},
    {IN_OPEN, "IN_OPEN"},
    {IN_MOVED_FROM, "IN_MOVED_FROM"},
    {IN_MOVED_TO, "IN_MOVED_TO"},
    {IN_CREATE, "IN_CREATE"},
    {IN_DELETE, "IN_DELETE"},
    {IN_DELETE_SELF, "IN_DELETE_SELF"},
    {IN_MOVE_SELF, "IN_MOVE_SELF"},
    {IN_UNMOUNT, "IN_UNMOUNT"},
    {IN_Q_OVERFLOW, "IN_Q_OVERFLOW"},
    {IN_IGNORED, "IN_IGNORED"},
    {IN_ONLYDIR, "IN_ONLYDIR"},
    {IN_DONT_FOLLOW, "IN_DONT_FOLLOW"},
    {IN_EXCL_UNLINK, "IN_EXCL_UNLINK"},
    {IN_MASK_CREATE, "IN_MASK_CREATE"},
    {IN_MASK_ADD, "IN_MASK_ADD"},
    {IN_ISDIR, "IN_ISDIR"},
    {IN_ONESHOT, "IN_ONESHOT"},
};

std::string complaint_about(std::string_view text) {
  try {
    static_cast<void>(parse_mask(text));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "none";
}

TEST(Mask, EveryBitOfTheManPageHasItsName) {
  for (const auto& [bit, name] : all_bits) {
    EXPECT_THAT(decode_mask(bit), ElementsAre(name));
    EXPECT_EQ(inotify::to_string(bit), name);
    EXPECT_EQ(parse_mask(name), bit) << name;
  }
}

TEST(Mask, DecodesInTheOrderInWhichItHappens) {
  EXPECT_THAT(decode_mask(0), IsEmpty());
  // What touch(1) does to a new file, one event each: as PyInotify's documentation shows it.
  EXPECT_THAT(decode_mask(IN_CREATE | IN_OPEN | IN_ATTRIB | IN_CLOSE_WRITE),
              ElementsAre("IN_CREATE", "IN_OPEN", "IN_ATTRIB", "IN_CLOSE_WRITE"));
  EXPECT_EQ(inotify::to_string(IN_CLOSE_WRITE | IN_MODIFY | IN_ACCESS | IN_OPEN | IN_CREATE),
            "IN_CREATE|IN_OPEN|IN_ACCESS|IN_MODIFY|IN_CLOSE_WRITE");
  EXPECT_EQ(inotify::to_string(IN_DELETE | IN_MOVE | IN_CLOSE_NOWRITE | IN_ISDIR),
            "IN_CLOSE_NOWRITE|IN_MOVED_FROM|IN_MOVED_TO|IN_DELETE|IN_ISDIR");
  EXPECT_EQ(inotify::to_string(IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF),
            "IN_MOVE_SELF|IN_DELETE_SELF|IN_UNMOUNT|IN_IGNORED");
  EXPECT_THAT(decode_mask(IN_ISDIR | IN_CREATE), ElementsAre("IN_CREATE", "IN_ISDIR"));
  EXPECT_EQ(decode_mask(IN_ALL_EVENTS).size(), 12U);
}

TEST(Mask, AnUnknownBitIsToldInHexadecimal) {
  EXPECT_THAT(decode_mask(0x10000U | IN_ACCESS), ElementsAre("IN_ACCESS", "0x10000"));
  EXPECT_EQ(inotify::to_string(0x1000 | IN_IGNORED), "IN_IGNORED|0x1000");
}

TEST(Mask, IsWrittenAsInC) {
  EXPECT_EQ(inotify::to_string(0), "0");
  EXPECT_EQ(inotify::to_string(IN_CREATE | IN_ISDIR), "IN_CREATE|IN_ISDIR");
  EXPECT_EQ(inotify::to_string(IN_ALL_EVENTS), "IN_ALL_EVENTS");
  EXPECT_EQ(inotify::to_string(IN_ALL_EVENTS | IN_ONLYDIR), "IN_ALL_EVENTS|IN_ONLYDIR");
  EXPECT_EQ(inotify::to_string(IN_MOVE), "IN_MOVED_FROM|IN_MOVED_TO");
}

TEST(Mask, ParsesListsInAnyCaseWithOrWithoutPrefix) {
  EXPECT_EQ(parse_mask("IN_CREATE|IN_DELETE"), Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(parse_mask("create,Delete , in_isdir"), Mask{IN_CREATE | IN_DELETE} | IN_ISDIR);
  EXPECT_EQ(parse_mask(" \tmodify\n|\r MODIFY "), Mask{IN_MODIFY});
}

TEST(Mask, ParsesTheCombinations) {
  EXPECT_EQ(parse_mask("IN_CLOSE"), Mask{IN_CLOSE});
  EXPECT_EQ(parse_mask("move|all_events"), Mask{IN_ALL_EVENTS});
}

TEST(Mask, ParsesNumbers) {
  EXPECT_EQ(parse_mask("0"), 0U);
  EXPECT_EQ(parse_mask("256"), Mask{IN_CREATE});
  EXPECT_EQ(parse_mask("0x100|0X200"), Mask{IN_CREATE | IN_DELETE});
  EXPECT_EQ(parse_mask("0xffffffff"), 0xffffffffU);
}

TEST(Mask, NamesTheWordItDoesNotKnow) {
  EXPECT_THAT(complaint_about("IN_CREATE|IN_CREAT"), HasSubstr("\"IN_CREAT\""));
  EXPECT_THAT(complaint_about("modify, writen"), HasSubstr("\"writen\""));
  for (const char* text : {"", " ", "|", "IN_CREATE|", ",IN_CREATE", "IN_"}) {
    EXPECT_THAT(complaint_about(text), HasSubstr("IN_*")) << '"' << text << '"';
  }
}

TEST(Mask, RefusesWhatIsNoNumberOf32Bits) {
  for (const char* text : {"-1", "0x", "0x100000000", "4294967296", "12a", "0xg", "1 2"}) {
    EXPECT_NE(complaint_about(text), "none") << text;
  }
}

TEST(Mask, ParsesWithAnErrorCode) {
  std::error_code ec = std::make_error_code(std::errc::io_error);
  EXPECT_EQ(parse_mask("open", ec), Mask{IN_OPEN});
  EXPECT_FALSE(ec) << "success clears it";
  EXPECT_EQ(parse_mask("open|opened", ec), 0U);
  EXPECT_EQ(ec, std::errc::invalid_argument);
}

TEST(Mask, WhatToStringWritesParseMaskReads) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    const Mask mask = static_cast<Mask>(random()) & static_cast<Mask>(random());
    ASSERT_EQ(parse_mask(inotify::to_string(mask)), mask) << inotify::to_string(mask);
  }
}

TEST(Describe, EveryBitHasAMeaningOfItsOwn) {
  std::set<std::string_view> meanings;
  for (const auto& [bit, name] : all_bits) {
    EXPECT_FALSE(inotify::describe(bit).empty()) << name;
    meanings.insert(inotify::describe(bit));
  }
  EXPECT_EQ(meanings.size(), std::size(all_bits));
  EXPECT_EQ(inotify::describe(IN_CREATE), "an entry was made in the directory");
}

TEST(Describe, WhatIsNotOneKnownBitHasNone) {
  for (const Mask mask : {Mask{0}, Mask{IN_MOVE}, Mask{IN_CREATE | IN_ISDIR}, Mask{0x10000}})
    EXPECT_EQ(inotify::describe(mask), "") << mask;
}

}  // namespace
