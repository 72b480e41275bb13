# SPDX-License-Identifier: MIT
"""SQLAlchemy with aiosqlite: sessions that work at the same time, its
greenlets, a transaction that is taken back. `sqlalchemy_orm.py FILE`."""
import asyncio
import sys

from sqlalchemy import Column, ForeignKey, Integer, String, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import (declarative_base, relationship, selectinload,
                            sessionmaker)

Base = declarative_base()


class Author(Base):
    __tablename__ = 'authors'
    id = Column(Integer, primary_key=True)
    name = Column(String)
    books = relationship('Book')


class Book(Base):
    __tablename__ = 'books'
    id = Column(Integer, primary_key=True)
    title = Column(String)
    author_id = Column(ForeignKey('authors.id'))


async def main(path):
    engine = create_async_engine(f'sqlite+aiosqlite:///{path}')
    sessions = sessionmaker(engine, expire_on_commit=False,
                            class_=AsyncSession)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session:
        async with session.begin():
            for i in range(50):
                session.add(Author(name=f'author {i}', books=[
                    Book(title=f'book {j}') for j in range(i % 3)]))
    try:
        async with sessions() as session, session.begin():
            session.add(Author(name='nobody'))
            raise KeyError
    except KeyError:
        pass

    async def count():
        async with sessions() as session:
            return await session.scalar(
                select(func.count()).select_from(Author))
    assert await asyncio.gather(*[count() for _ in range(10)]) == [50] * 10
    async with sessions() as session:
        authors = (await session.execute(
            select(Author).options(selectinload(Author.books))
            .order_by(Author.id))).scalars().all()
        assert [len(author.books) for author in authors] == \
            [i % 3 for i in range(50)]
    await engine.dispose()
    print('loop', type(asyncio.get_running_loop()).__module__)


asyncio.run(main(sys.argv[1]))
