//! Who is a member of what.

use sea_orm::sea_query::{Expr, ExprTrait, Order, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::id::{ChatId, UserId};
use shared::query::{Country, PageRequest, UserCountry};

use crate::entity::{country, user_chat, user_country};

/// Members of a chat, in order of user id.
pub(super) async fn of_chat(
    db: &impl ConnectionTrait,
    chat: ChatId,
    page: PageRequest,
) -> Result<Vec<UserId>, DbErr> {
    let users: Vec<i64> = user_chat::Entity::find()
        .select_only()
        .column(user_chat::Column::UserId)
        .filter(user_chat::Column::ChatId.eq(chat.get()))
        .filter(user_chat::Column::UserId.gt(page.after))
        .order_by_asc(user_chat::Column::UserId)
        .limit(page.limit)
        .into_tuple()
        .all(db)
        .await?;
    users
        .into_iter()
        .map(|user| UserId::try_from(user).map_err(|error| DbErr::Type(error.to_string())))
        .collect()
}

/// Countries of a user, in order of code: no more than there are in the world.
pub(super) async fn countries_of(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<UserCountry>, DbErr> {
    use country::Column as C;
    let query = Query::select()
        .columns([C::Code, C::Name, C::Flag].map(|column| (country::Entity, column)))
        .column((user_country::Entity, user_country::Column::Chats))
        .from(user_country::Entity)
        .inner_join(
            country::Entity,
            Expr::col((user_country::Entity, user_country::Column::CountryCode))
                .equals((country::Entity, C::Code)),
        )
        .and_where(Expr::col((user_country::Entity, user_country::Column::UserId)).eq(user.get()))
        .order_by((country::Entity, C::Code), Order::Asc)
        .take();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| {
            Ok(UserCountry {
                country: Country {
                    code: row.try_get_by_index(0)?,
                    name: row.try_get_by_index(1)?,
                    flag: row.try_get_by_index(2)?,
                },
                chats: row.try_get_by_index::<i32>(3)?.unsigned_abs(),
            })
        })
        .collect()
}
